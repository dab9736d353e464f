"use client";

import { useState } from "react";
import { quoteOf } from "./format";
import { fetchMinutes, fetchToken, fetchTrades } from "./history";
import { Live, useLive } from "./live";
import { EMPTY_PAGE, joined, loaded, reached, retracted, type TokenPage, traded } from "./tokenPage";
import { useRoomQuery } from "./useRoomQuery";
import { useEvent } from "./websocket";

const TRADES_LOADED = 200;

/** One token, live. */
export function useToken(mint: string): { page: TokenPage; error: Error | null } {
  const [live] = useState(() => new Live(EMPTY_PAGE));
  const room = `token_${mint}`;
  const { error, reload } = useRoomQuery({
    room,
    key: ["token page", mint],
    fetch: (signal) => fetchAll(mint, signal),
    onJoined: ({ tokens, trades }, isNewEpoch) =>
      live.update((page) => joined(isNewEpoch ? EMPTY_PAGE : page, tokens[0] ?? null, trades)),
    onHistory: ({ token, trades, minutes }) => live.update((page) => loaded(page, token, trades, minutes)),
  });
  useEvent("token_created", reload, room);
  useEvent(
    "new_trade",
    (data, { seq }) => {
      live.update((page) => traded(page, data, seq));
      if (error) reload(); // it was not known, and now it is
    },
    room,
  );
  useEvent("curve_completed", () => live.update((page) => reached(page, "completed")), room);
  useEvent("token_migrated", () => live.update((page) => reached(page, "migrated")), room);
  useEvent(
    "retracted",
    ({ seq }) => {
      live.update((page) => retracted(page, seq));
      reload();
    },
    room,
  );
  return { page: useLive(live), error };
}

/** The token first: what is read after it reflects at least as much of the feed. */
async function fetchAll(mint: string, signal: AbortSignal) {
  const token = await fetchToken(mint, signal);
  const { decimals } = quoteOf(token.quoteMint);
  const [trades, minutes] = await Promise.all([
    fetchTrades(mint, TRADES_LOADED, signal),
    fetchMinutes(mint, decimals, signal),
  ]);
  return { token, trades, minutes };
}
