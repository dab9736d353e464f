/** What the server tells of itself: what is verified, how late it is, who is connected. */

import { ApiError, get } from "./api";

/** Launchpads that may be indexed; those that are not answer 404. */
export const PROGRAMS = ["pump", "pumpswap", "launchlab", "dbc", "moonshot", "boop", "heaven"];

/** api/routes/completeness.py */
export interface Completeness {
  program: string;
  complete: boolean;
  first_slot: number;
  frontier_slot: number;
  tip_slot: number;
  finalized_slot: number;
  age_s: number;
  ranges: { from_slot: number; to_slot: number; method: string; signatures: number; verified_at: string }[];
  gaps: { signature: string; slot: number; reason: string; opened_at: string; closed_at: string | null }[];
}

/** How far each of these launchpads is verified; those that are not indexed are left out. */
export async function fetchCompleteness(
  programs: readonly string[],
  signal?: AbortSignal,
): Promise<Completeness[]> {
  const asked = programs.map((program) =>
    get<Completeness>(`/completeness?program=${program}`, signal).catch((error) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }),
  );
  return (await Promise.all(asked)).filter((one) => one !== null);
}

/** api/services/stats.py: HubStats. */
export interface HubStats {
  server: string;
  is_ready: boolean;
  connections: number;
  rooms: number;
  subscriptions: number;
  queued_bytes: number;
  epoch: string;
  seq: number;
  lag_seconds: number;
  frames: Record<string, number>;
}

export function fetchHub(signal?: AbortSignal): Promise<HubStats> {
  return get("/websocket/stats", signal);
}
