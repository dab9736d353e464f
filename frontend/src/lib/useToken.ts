"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { retry } from "./api";
import { quoteOf } from "./format";
import { fetchBars, fetchToken, fetchTrades } from "./history";
import { fitting, type Interval, secondsOf } from "./intervals";
import { Live, useLive } from "./live";
import {
  charted,
  chartedFromTrades,
  EMPTY_PAGE,
  joined,
  loaded,
  reached,
  retracted,
  type TokenPage,
  traded,
} from "./tokenPage";
import { useRoomQuery } from "./useRoomQuery";
import { useEvent } from "./websocket";

/** Two screens of rows; who wants older ones asks for them. */
const TRADES_LOADED = 50;

export interface LiveToken {
  page: TokenPage;
  /** Length of the bars that are wanted; null until the token is known. */
  interval: Interval | null;
  setInterval: (interval: Interval) => void;
  error: Error | null;
}

/** One token, live; none while `mint` is "". */
export function useToken(mint: string): LiveToken {
  const [live] = useState(() => new Live(EMPTY_PAGE));
  const room = mint && `token_${mint}`;
  const queries = useQueryClient();
  const { error, reload } = useRoomQuery({
    room,
    key: ["token page", mint],
    fetch: (signal) => fetchAll(mint, signal),
    onJoined: ({ tokens, trades }, isNewEpoch) =>
      live.update((page) => joined(isNewEpoch ? EMPTY_PAGE : page, tokens[0] ?? null, trades)),
    onHistory: ({ token, trades }) => {
      live.update((page) => loaded(page, token, trades));
      void queries.invalidateQueries({ queryKey: ["bars", mint] });
    },
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
  const page = useLive(live);
  const [interval, setInterval] = useInterval(page);
  useBars(live, mint, page, interval);
  return { page, interval, setInterval, error };
}

/** The reader's choice, else what fits the token's life when the page opens. */
function useInterval({ token }: TokenPage) {
  const [chosen, setChosen] = useState<Interval | null>(null);
  const [fitted, setFitted] = useState<Interval | null>(null);
  if (fitted === null && token) setFitted(fitting(token));
  return [chosen ?? fitted, setChosen] as const;
}

function useBars(live: Live<TokenPage>, mint: string, page: TokenPage, interval: Interval | null): void {
  const quoteMint = page.token?.quoteMint ?? null;
  const { data, error } = useQuery({
    queryKey: ["bars", mint, interval],
    queryFn: ({ signal }) =>
      fetchBars(mint, { interval: interval ?? "1m", quoteDecimals: quoteOf(quoteMint).decimals }, signal),
    enabled: interval !== null,
    gcTime: 0, // old bars know nothing of the trades since
    retry,
  });
  useEffect(() => {
    if (!interval) return;
    if (data) live.update((now) => charted(now, data, secondsOf(interval)));
    else if (error) live.update((now) => chartedFromTrades(now, secondsOf(interval)));
  }, [data, error, interval, live]);
}

/** The token first: what is read after it reflects at least as much of the feed. */
async function fetchAll(mint: string, signal: AbortSignal) {
  const token = await fetchToken(mint, signal);
  const trades = await fetchTrades(mint, { limit: TRADES_LOADED }, signal);
  return { token, trades };
}
