"use client";

import { useState } from "react";
import { fetchTradePage } from "./history";
import { keyOf, type Trade } from "./trades";

const PAGE = 200;

export interface Older {
  /** Newest first; all of them older than those they were asked for with. */
  trades: readonly Trade[];
  status: "more" | "loading" | "end" | "failed";
  /** Ask for more: `shown` is what they continue. */
  load: (shown: readonly Trade[]) => Promise<void>;
  forget: () => void;
}

interface Found {
  trades: readonly Trade[];
  cursor: string | null;
  status: Older["status"];
}

const NONE: Found = { trades: [], cursor: null, status: "more" };

/** The next trades behind these. The first pages may hold nothing but what is shown, or what has come since. */
async function fetchBehind(mint: string, shown: readonly Trade[], found: Found): Promise<Found> {
  const known = new Set([...shown, ...found.trades].map(keyOf));
  const newest = shown[0]?.seq ?? Number.POSITIVE_INFINITY;
  let { cursor } = found;
  for (;;) {
    const page = await fetchTradePage(mint, { limit: PAGE, cursor });
    const fresh = page.trades.filter((trade) => trade.seq < newest && !known.has(keyOf(trade)));
    cursor = page.next;
    if (fresh.length > 0 || cursor === null)
      return { trades: [...found.trades, ...fresh], cursor, status: cursor === null ? "end" : "more" };
  }
}

/** A token's trades behind the live ones, page by page until its first. */
export function useOlder(mint: string): Older {
  const [found, setFound] = useState(NONE);
  const load = async (shown: readonly Trade[]) => {
    if (found.status === "loading" || found.status === "end") return;
    setFound({ ...found, status: "loading" });
    setFound(await fetchBehind(mint, shown, found).catch(() => ({ ...found, status: "failed" as const })));
  };
  return { trades: found.trades, status: found.status, load, forget: () => setFound(NONE) };
}
