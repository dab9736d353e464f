/** Trades behind those that are shown, page by page until the token's first. */

import { keyOf, type Trade } from "./trades";

export interface Older {
  /** Newest first; all of them older than those that are shown. */
  trades: readonly Trade[];
  /** Where the next page begins; null: at the newest trade. */
  cursor: string | null;
  status: "more" | "loading" | "end" | "failed";
}

export const NONE: Older = { trades: [], cursor: null, status: "more" };

/** One page of a token's history, newest first, and where the next one begins; null: nowhere. */
export type AskForPage = (cursor: string | null) => Promise<{ trades: Trade[]; next: string | null }>;

/**
 * With the next trades there are. The first pages may hold nothing but what is shown, or what has come since: they
 * are passed over.
 */
export async function extended(older: Older, shown: readonly Trade[], ask: AskForPage): Promise<Older> {
  const known = new Set([...shown, ...older.trades].map(keyOf));
  const newest = shown[0]?.seq ?? Number.POSITIVE_INFINITY;
  let { cursor } = older;
  for (;;) {
    const page = await ask(cursor);
    const fresh = page.trades.filter((trade) => trade.seq < newest && !known.has(keyOf(trade)));
    cursor = page.next;
    if (fresh.length > 0 || cursor === null)
      return { trades: [...older.trades, ...fresh], cursor, status: cursor === null ? "end" : "more" };
  }
}
