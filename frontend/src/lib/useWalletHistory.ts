"use client";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { retry } from "./api";
import { Live, useLive } from "./live";
import { fetchWalletTrades } from "./portfolio";
import { merged, type Trade, tradeOf, without } from "./trades";
import { useEvent } from "./websocket";

const LOADED = 100;
const KEPT = 300;
const AGAIN_MS = 5_000;
const NONE: readonly Trade[] = [];

/** A wallet's trades, newest first; live while its room is (see `usePositions`), else asked for again. */
export function useWalletHistory(wallet: string, isLive: boolean) {
  const [live] = useState(() => new Live(NONE));
  const room = `user_${wallet}`;
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["wallet trades", wallet],
    queryFn: ({ signal }) => fetchWalletTrades(wallet, LOADED, signal),
    refetchOnMount: "always",
    refetchInterval: isLive ? false : AGAIN_MS,
    retry,
  });
  useEffect(() => {
    if (data) live.update((now) => merged(now, data, KEPT));
  }, [data, live]);
  useEffect(() => {
    if (isLive) void refetch(); // what happened before the room was joined
  }, [isLive, refetch]);
  useEvent(
    "new_trade",
    (trade, { seq }) => live.update((now) => merged(now, [tradeOf(trade, seq)], KEPT)),
    room,
  );
  useEvent("retracted", ({ seq }) => live.update((now) => without(now, seq)), room);
  return { trades: useLive(live), error, isPending };
}
