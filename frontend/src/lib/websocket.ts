"use client";

/**
 * The live feed in React:
 *
 *     const { client, connect, on } = useWebSocket();
 *     useEffect(() => { void connect(token, "global", userId); }, [connect]);
 *     useEffect(() => on("price_update", (data) => …), [on]);
 *     useEffect(() => client.subscribeToToken(mint), [client, mint]);
 *
 * or, shorter, `useRoom("global")` and `useEvent("new_trade", …)`. All components share one client and so one
 * socket; nothing is opened at import, while rendering, or on the server.
 */

import { createContext, useContext, useEffect, useEffectEvent, useSyncExternalStore } from "react";
import { type EventFrame, FeedClient, type FeedState, type RoomStatus, type SnapshotFrame } from "./feed";
import type { FeedEvents } from "./messages";

export type { ConnectionStatus, FeedState, RoomStatus } from "./feed";

/** Where the hub is: NEXT_PUBLIC_WEBSOCKET_URL, or the server that this page came from. */
export function websocketUrl(): string {
  const configured = process.env.NEXT_PUBLIC_WEBSOCKET_URL;
  if (configured) return configured;
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}/api/v1/websocket/ws`;
}

/** The client with this project's events. */
export class Feed extends FeedClient<FeedEvents> {
  #held: (() => void)[] = [];

  /**
   * Connect with a token (none: anonymous), be in `room` and, with `user`, in that wallet's room. Calling it
   * again replaces the rooms of the call before.
   */
  connectTo = (token?: string | null, room = "global", user?: string | null): Promise<void> => {
    if (token) this.authenticate(() => token);
    const before = this.#held;
    this.#held = [this.subscribe(room)];
    if (user) this.#held.push(this.subscribeToUser(user));
    for (const release of before) release();
    return this.connect();
  };
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

const OFFLINE = new FeedClient({ url: () => "" }).state;

/** State of the connection, for showing it. */
export function useConnection(): FeedState {
  const client = useFeed();
  return useSyncExternalStore(
    client.watch,
    () => client.state,
    () => OFFLINE,
  );
}

/** Be in a room as long as the component is mounted (null: in none); tells how it stands. */
export function useRoom(room: string | null): RoomStatus {
  const client = useFeed();
  useEffect(() => (room ? client.subscribe(room) : undefined), [client, room]);
  const { rooms } = useConnection();
  return (room && rooms[room]) || "pending";
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
export function useSnapshot(room: string, callback: (data: unknown, frame: SnapshotFrame) => void): void {
  const client = useFeed();
  const call = useEffectEvent(callback);
  useEffect(() => client.on("snapshot", (data, frame) => call(data, frame), room), [client, room]);
}
