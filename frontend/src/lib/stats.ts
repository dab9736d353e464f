/** Figures that the API derives: windows of time, holders, traders, flags. Amounts are base units. */

import { get } from "./api";

/** api/schemas.py: Window. */
export interface WindowJson {
  volume_quote: string;
  buys: number;
  sells: number;
  buyers: number;
  sellers: number;
  price_change_bps: number | null;
}

/** What happened inside a window of time that ends now. */
export interface Figures {
  volume: bigint;
  buys: number;
  sells: number;
  buyers: number;
  sellers: number;
  changeBps: number | null;
}

export const WINDOWS = ["5m", "1h", "6h", "24h"] as const;
export type WindowName = (typeof WINDOWS)[number];
export type Stats = Partial<Record<WindowName, Figures>>;

export function figuresOf(json: WindowJson): Figures {
  return {
    volume: BigInt(json.volume_quote),
    buys: json.buys,
    sells: json.sells,
    buyers: json.buyers,
    sellers: json.sellers,
    changeBps: json.price_change_bps,
  };
}

export async function fetchStats(mint: string, signal?: AbortSignal): Promise<Stats> {
  const { windows } = await get<{ windows: Record<string, WindowJson> }>(`/tokens/${mint}/stats`, signal);
  return Object.fromEntries(Object.entries(windows).map(([name, json]) => [name, figuresOf(json)]));
}

export interface Holder {
  wallet: string;
  base_amount: string;
  share_bps: number | null;
  is_creator: boolean;
}

export interface Holders {
  items: Holder[];
  holders: number | null;
  top10_bps: number | null;
}

export function fetchHolders(mint: string, signal?: AbortSignal): Promise<Holders> {
  return get(`/tokens/${mint}/holders?limit=50`, signal);
}

export interface Trader {
  wallet: string;
  base_amount: string;
  cost_quote: string;
  realized_quote: string;
  unrealized_quote: string | null;
  bought_quote: string;
  sold_quote: string;
  buys: number;
  sells: number;
  is_creator: boolean;
}

export async function fetchTraders(mint: string, signal?: AbortSignal): Promise<Trader[]> {
  const { items } = await get<{ items: Trader[] }>(`/tokens/${mint}/traders?order=realized&limit=50`, signal);
  return items;
}

/** A fact, and what it rests on. */
export interface Flag {
  flag: string;
  evidence: Record<string, unknown>;
}

export async function fetchFlags(mint: string, signal?: AbortSignal): Promise<Flag[]> {
  const { items } = await get<{ items: Flag[] }>(`/tokens/${mint}/flags`, signal);
  return items;
}
