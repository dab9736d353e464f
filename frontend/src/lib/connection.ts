/** The connection's state in words. Pure. */

import type { FeedState } from "./websocket";

export interface ConnectionView {
  state: "live" | "idle" | "connecting" | "reconnecting" | "stale" | "disconnected";
  tone: "good" | "quiet" | "busy" | "bad";
  label: string;
  /** A sentence for who wonders; null while all is well, or as it should be. */
  notice: string | null;
  canRetry: boolean;
}

/** An outage is explained from this attempt on: shorter ones are over before one has read that. */
const LASTING = 2;
const OUTAGE = "The live connection is gone. What you see may be old; nothing is missing when it is back.";

const TONES: Partial<Record<ConnectionView["state"], ConnectionView["tone"]>> = {
  live: "good",
  idle: "quiet",
  disconnected: "bad",
};

function view(
  state: ConnectionView["state"],
  label: string,
  notice: string | null,
  canRetry = false,
): ConnectionView {
  const tone = TONES[state] ?? "busy";
  return { state, tone, label, notice, canRetry };
}

/** `now` is unix seconds. */
export function viewOf(feed: FeedState, now: number): ConnectionView {
  const rooms = Object.values(feed.rooms);
  switch (feed.status) {
    case "connected":
      if (rooms.includes("stale")) return view("stale", "Catching up", null);
      if (rooms.includes("pending")) return view("connecting", "Connecting", null);
      return view("live", "Live", null);
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((feed.retryAt ?? 0) / 1000 - now));
      const label = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting";
      return view("reconnecting", label, feed.attempt < LASTING ? null : OUTAGE, true);
    }
    case "closed":
      return view("disconnected", "Disconnected", `The live connection has ended: ${feed.reason}.`, true);
    case "idle":
      return view("idle", "Nothing live here", null);
    default:
      return feed.attempt > 0
        ? view("reconnecting", "Reconnecting", null)
        : view("connecting", "Connecting", null);
  }
}

/** The hub said that its chain is the one on this machine. */
export function isDemo(feed: FeedState): boolean {
  return feed.welcome?.cluster === "localnet";
}
