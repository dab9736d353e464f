/** Trades as the page keeps them: newest first, each once, whether it came by REST or by the feed. */

import type { NewTrade } from "./messages";

export interface Trade {
  signature: string;
  /** Which of the trades in its transaction. */
  ordinal: number;
  /** Position in the feed. */
  seq: number;
  side: "buy" | "sell";
  mint: string;
  wallet: string | null;
  quoteMint: string | null;
  /** Base units. */
  base: string;
  /** Quote units: what the trader paid or received where it is known, else what moved the curve. */
  quote: string;
  price: string | null;
  marketCap: string | null;
  progressBps: number | null;
  realBase: string | null;
  realQuote: string | null;
  /** Unix seconds. */
  time: number | null;
  /** US dollars, at the time of the trade. */
  usd: string | null;
}

/** A trade of the feed or of REST: both use the same names. */
export function tradeOf(data: Omit<NewTrade, "commitment"> & { usd?: string | null }, seq: number): Trade {
  return {
    signature: data.signature,
    ordinal: data.ordinal,
    seq,
    side: data.side,
    mint: data.mint,
    wallet: data.wallet,
    quoteMint: data.quote_mint,
    base: data.base_amount,
    quote: data.user_quote_amount ?? data.quote_amount,
    price: data.price,
    marketCap: data.market_cap,
    progressBps: data.curve_progress_bps,
    realBase: data.real_base_reserves,
    realQuote: data.real_quote_reserves,
    time: data.block_time,
    usd: data.usd ?? null,
  };
}

export function keyOf(trade: Trade): string {
  return `${trade.signature}:${trade.ordinal}`;
}

/** Both lists in one, newest first, at most `most`. Where both have a trade, `newer`'s counts. */
export function merged(older: readonly Trade[], newer: readonly Trade[], most: number): readonly Trade[] {
  if (newer.length === 0) return older;
  const [first] = older;
  const isOneNewer = newer.length === 1 && (!first || (newer[0] as Trade).seq > first.seq);
  if (isOneNewer) return [newer[0] as Trade, ...older.slice(0, most - 1)];
  const byKey = new Map([...older, ...newer].map((trade) => [keyOf(trade), trade]));
  return [...byKey.values()].sort((a, b) => b.seq - a.seq).slice(0, most);
}

/** Without the trade that a fork undid. */
export function without(trades: readonly Trade[], seq: number): readonly Trade[] {
  return trades.some((trade) => trade.seq === seq) ? trades.filter((trade) => trade.seq !== seq) : trades;
}
