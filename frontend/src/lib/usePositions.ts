"use client";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { get, retry } from "./api";
import type { Page } from "./history";
import { Live, useLive } from "./live";
import { type PositionJson, type Positions, positionOf, repriced, withPositions } from "./positions";
import { useWallet } from "./wallet";
import { useEvent, useRoom, useSnapshot } from "./websocket";

const NOBODY = "user_nobody";
/** Without the wallet's room the API is asked. */
const AGAIN_MS = 5_000;
const NONE: Positions = new Map();

async function fetchPositions(wallet: string, signal: AbortSignal) {
  const { items, meta } = await get<Page<PositionJson>>(`/wallets/${wallet}/positions?limit=200`, signal);
  return items.map((json) => positionOf(json, meta.feed_seq));
}

/** Whether this page may be in a wallet's room: signed in with it, or on a localnet, where all are open. */
export function useMayJoin(wallet: string | null): boolean {
  const { session, site } = useWallet();
  const isOpen = site?.cluster === "localnet";
  return wallet !== null && (isOpen || session?.wallet === wallet);
}

/** What a wallet holds: live where its room is open to us, else asked for again and again. */
export function usePositions(wallet: string | null) {
  const [live] = useState(() => new Live(NONE));
  const mayJoin = useMayJoin(wallet);
  const room = mayJoin ? `user_${wallet}` : null;
  const status = useRoom(room);
  const isLive = room !== null && status === "live";
  const { data, error, isPending } = useQuery({
    queryKey: ["positions", wallet],
    queryFn: ({ signal }) => fetchPositions(wallet ?? "", signal),
    enabled: wallet !== null,
    refetchOnMount: "always", // events between two pages were heard by neither
    refetchInterval: isLive ? false : AGAIN_MS,
    retry,
  });
  useEffect(() => {
    if (data) live.update((now) => withPositions(now, data));
  }, [data, live]);
  useSnapshot(room ?? NOBODY, (state, { seq }) => {
    const { positions } = state as { positions?: PositionJson[] };
    live.update((now) =>
      withPositions(
        now,
        (positions ?? []).map((json) => positionOf(json, seq)),
      ),
    );
  });
  useEvent(
    "portfolio_update",
    (json, { seq }) => live.update((now) => withPositions(now, [positionOf(json, seq)])),
    room ?? NOBODY,
  );
  useEvent("price_update", ({ mint, price }) => live.update((now) => repriced(now, mint, price)));
  return { positions: useLive(live), isLive, isPending: isPending && wallet !== null, error };
}
