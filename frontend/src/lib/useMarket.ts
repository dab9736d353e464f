"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { retry } from "./api";
import { fetchToken, fetchTokens, type ListName } from "./history";
import { Live, useLive } from "./live";
import { changed, created, EMPTY_MARKET, joined, loaded, type Market, retracted, traded } from "./market";
import { atStage } from "./tokens";
import { useRoomQuery } from "./useRoomQuery";
import { useEvent } from "./websocket";

const ROOM = "global";
const TOKENS_LOADED = 100;

function thisSecond(): number {
  return Math.floor(Date.now() / 1000);
}

/** How often the API is asked again for lists whose order only it knows. */
const RANKED_AGAIN_MS = 15_000;

export interface LiveMarket {
  market: Market;
  /** Mints in the order of the API's list, for the lists that only it can rank. */
  ranked: readonly string[];
  isPending: boolean;
  error: Error | null;
}

/** All tokens, live, and one list of them. */
export function useMarket(list: ListName): LiveMarket {
  const [live] = useState(() => new Live(EMPTY_MARKET));
  const { error, isPending, reload } = useRoomQuery({
    room: ROOM,
    key: ["tokens"],
    fetch: (signal) => fetchTokens("new", TOKENS_LOADED, signal),
    onJoined: ({ tokens, trades }, isNewEpoch) =>
      live.update((now) => joined(isNewEpoch ? EMPTY_MARKET : now, tokens, trades, thisSecond())),
    onHistory: (tokens) => live.update((now) => loaded(now, tokens)),
  });
  const chosen = useList(list, live, !isPending);
  useEvent(
    "token_created",
    (data, { seq }) => live.update((now) => created(now, data, seq, thisSecond())),
    ROOM,
  );
  useEvent("new_trade", (data, { seq }) => live.update((now) => traded(now, data, seq, thisSecond())), ROOM);
  useEvent(
    "curve_completed",
    ({ mint }) => live.update((now) => changed(now, mint, (token) => atStage(token, "completed"))),
    ROOM,
  );
  useEvent(
    "token_migrated",
    ({ mint }) => live.update((now) => changed(now, mint, (token) => atStage(token, "migrated"))),
    ROOM,
  );
  useEvent(
    "retracted",
    ({ seq }) => {
      live.update((now) => retracted(now, seq));
      reload();
    },
    ROOM,
  );
  const market = useLive(live);
  useNames(market, live);
  return {
    market,
    ranked: chosen.mints,
    isPending: isPending || chosen.isPending,
    error: error ?? (chosen.mints.length ? null : chosen.error),
  };
}

/** A list of the API's, its tokens put among the others. */
function useList(list: ListName, live: Live<Market>, isDue: boolean) {
  const { data, error, isPending } = useQuery({
    queryKey: ["tokens", list],
    queryFn: ({ signal }) => fetchTokens(list, TOKENS_LOADED, signal),
    enabled: isDue && list !== "new",
    refetchInterval: RANKED_AGAIN_MS,
    retry,
  });
  useEffect(() => {
    if (data) live.update((now) => loaded(now, data));
  }, [data, live]);
  const mints = useMemo(() => data?.map(({ mint }) => mint) ?? [], [data]);
  return { mints, error, isPending: list !== "new" && isPending };
}

/** Ask once for every token that is known only from a trade. */
function useNames(market: Market, live: Live<Market>): void {
  const [asked] = useState(() => new Set<string>());
  const queries = useQueryClient();
  useEffect(() => {
    for (const { mint, firstSeq } of market.tokens.values()) {
      if (firstSeq || asked.has(mint)) continue;
      asked.add(mint);
      queries
        .fetchQuery({ queryKey: ["token", mint], queryFn: ({ signal }) => fetchToken(mint, signal) })
        .then(
          (token) => live.update((now) => loaded(now, [token])),
          () => {}, // it goes on with the ends of its mint for a name
        );
    }
  }, [market.tokens, asked, queries, live]);
}
