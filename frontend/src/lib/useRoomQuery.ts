"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { retry } from "./api";
import { type RoomState, roomStateOf } from "./history";
import { useRoom, useSnapshot } from "./websocket";

/** Without a snapshot by then (no connection), the history is shown without the feed. */
const PATIENCE_MS = 1_500;

export interface RoomQuery<History> {
  /** "": none yet. */
  room: string;
  key: readonly string[];
  fetch: (signal: AbortSignal) => Promise<History>;
  /** The room's state came; `isNewEpoch`: whatever was known is void. */
  onJoined: (state: RoomState, isNewEpoch: boolean) => void;
  onHistory: (history: History) => void;
}

/**
 * A room and the history behind it, in the order that leaves no hole: join, take the snapshot, and only then ask
 * REST, whose answer therefore reflects the snapshot and more; the feed goes on from there. A later snapshot
 * means that something could not be replayed: everything is asked for again.
 */
export function useRoomQuery<History>(query: RoomQuery<History>) {
  const { room, key, fetch } = query;
  const queries = useQueryClient();
  const epoch = useRef<string | undefined>(undefined);
  const [isDue, setDue] = useState(false);
  useRoom(room || null);
  useSnapshot(room, (data, frame) => {
    query.onJoined(roomStateOf(data), epoch.current !== undefined && epoch.current !== frame.epoch);
    epoch.current = frame.epoch;
    if (isDue) void queries.invalidateQueries({ queryKey: key });
    else setDue(true);
  });
  useEffect(() => {
    const timer = setTimeout(() => setDue(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  const { data, error, isPending } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => fetch(signal),
    enabled: isDue && room !== "",
    retry,
  });
  const onHistory = useEffectEvent(query.onHistory);
  useEffect(() => {
    if (data !== undefined) onHistory(data);
  }, [data]);
  return { error, isPending, reload: () => void queries.invalidateQueries({ queryKey: key }) };
}
