"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { fetchToken, fetchTokens } from "./history";
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

/** All tokens, live. */
export function useMarket(): { market: Market; isPending: boolean; error: Error | null } {
  const [live] = useState(() => new Live(EMPTY_MARKET));
  const { error, isPending, reload } = useRoomQuery({
    room: ROOM,
    key: ["tokens"],
    fetch: (signal) => fetchTokens(TOKENS_LOADED, signal),
    onJoined: ({ tokens, trades }, isNewEpoch) =>
      live.update((now) => joined(isNewEpoch ? EMPTY_MARKET : now, tokens, trades, thisSecond())),
    onHistory: (tokens) => live.update((now) => loaded(now, tokens)),
  });
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
  return { market, isPending, error };
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
