"use client";

import { useState } from "react";
import { fetchTradePage } from "./history";
import { extended, NONE, type Older } from "./older";
import type { Trade } from "./trades";

const PAGE = 200;

/** A token's trades behind the live ones: `load` asks for more of them, `forget` begins anew. */
export function useOlder(mint: string) {
  const [older, setOlder] = useState<Older>(NONE);
  const load = async (shown: readonly Trade[]) => {
    if (older.status === "loading" || older.status === "end") return;
    setOlder({ ...older, status: "loading" });
    const ask = (cursor: string | null) => fetchTradePage(mint, { limit: PAGE, cursor });
    setOlder(await extended(older, shown, ask).catch(() => ({ ...older, status: "failed" as const })));
  };
  return { ...older, load, forget: () => setOlder(NONE) };
}
