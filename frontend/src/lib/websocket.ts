"use client";

/**
 * The live feed in React:
 *
 *     const { client, connect, on } = useWebSocket();
 *     useEffect(() => { void connect(token, "global", userId); }, [connect]);
 *     useEffect(() => on("price_update", (data) => …), [on]);
 *     useEffect(() => client.subscribeToToken(mint), [client, mint]);
 *
 * or, shorter, `useRoom("global")`, `useEvent("new_trade", …)` and `useLatest("market_stats")`. All components share one client and so one
 * socket; nothing is opened at import, while rendering, or on the server.
 */

import { createContext, useContext, useEffect, useEffectEvent, useMemo, useSyncExternalStore } from "react";
import {
  type EventFrame,
  Feed,
  type FeedState,
  type RoomOptions,
  type RoomStatus,
  type SnapshotFrame,
  START,
} from "./feed";
import { Latest } from "./feed/latest";
import type { FeedEvents, RoomData } from "./messages";

export type { ConnectionStatus, FeedState, RoomOptions, RoomStatus } from "./feed";
export { Feed } from "./feed";

/** Where the hub is: NEXT_PUBLIC_WEBSOCKET_URL, or the server that this page came from. */
export function websocketUrl(): string {
  const configured = process.env.NEXT_PUBLIC_WEBSOCKET_URL;
  if (configured) return configured;
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/api/v1/websocket/ws`;
}

let shared: Feed | undefined;

/** The client of everything in this tab. */
function sharedFeed(): Feed {
  shared ??= new Feed({ url: websocketUrl });
  return shared;
}

/** Gives a subtree its own client: for tests, or for a second hub. */
export const FeedContext = createContext<Feed | null>(null);

function useFeed(): Feed {
  return useContext(FeedContext) ?? sharedFeed();
}

/** The client and its two most used functions; all three stay the same from render to render. */
export function useWebSocket(): { client: Feed; connect: Feed["connectTo"]; on: Feed["on"] } {
  const client = useFeed();
  return { client, connect: client.connectTo, on: client.on };
}

/** State of the connection, for showing it. */
export function useConnection(): FeedState {
  const client = useFeed();
  return useSyncExternalStore(
    client.watch,
    () => client.state,
    () => START,
  );
}

/** Be in a room as long as the component is mounted (null: in none); tells how it stands. */
export function useRoom(room: string | null, { candles = [] }: RoomOptions = {}): RoomStatus {
  const client = useFeed();
  const intervals = candles.join();
  useEffect(() => {
    if (!room) return;
    return client.subscribe(room, intervals ? { candles: intervals.split(",") } : {});
  }, [client, room, intervals]);
  const { rooms } = useConnection();
  return (room && rooms[room]) || "pending";
}

/**
 * The newest data of a state event, such as `price_update` of one token's room or `market_stats`; null before the
 * first. However often it changes, there is one rendering per frame of the screen. It joins no room: `useRoom` does.
 */
export function useLatest<Name extends keyof FeedEvents>(name: Name, room?: string): FeedEvents[Name] | null {
  const client = useFeed();
  const latest = useMemo(() => new Latest(client, name, room), [client, name, room]);
  return useSyncExternalStore(
    latest.watch,
    () => latest.value,
    () => null,
  );
}

/** Call back for every event of a name as long as the component is mounted; the newest `callback` counts. */
export function useEvent<Name extends keyof FeedEvents>(
  name: Name,
  callback: (data: FeedEvents[Name], frame: EventFrame<Name, FeedEvents[Name]>) => void,
  room?: string,
): void {
  const client = useFeed();
  const call = useEffectEvent(callback);
  useEffect(() => client.on(name, (data, frame) => call(data, frame), room), [client, name, room]);
}

/** Call back for every snapshot of a room: what is shown starts anew from it. */
export function useSnapshot(
  room: string,
  callback: (data: RoomData, frame: SnapshotFrame<RoomData>) => void,
): void {
  const client = useFeed();
  const call = useEffectEvent(callback);
  useEffect(() => client.on("snapshot", (data, frame) => call(data, frame), room), [client, room]);
}
