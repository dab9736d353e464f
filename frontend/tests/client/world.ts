/** A scripted hub, a clock that only the test moves, and clients between them. */

import { afterEach, beforeEach, vi } from "vitest";
import { FeedClient, type FeedOptions } from "@/lib/feed";
import { type Connection, Hub } from "./hub";

export interface Events {
  new_trade: { n: number };
  price_update: { n: number };
}

export const ROOM = "global";

/** One test's world; made anew before each. */
export class World {
  hub = new Hub();
  /** What clients reported. */
  problems: unknown[] = [];

  client = (options: Partial<FeedOptions> = {}): FeedClient<Events> =>
    new FeedClient<Events>({
      url: () => "ws://hub",
      WebSocket: this.hub.WebSocket,
      random: () => 1,
      onError: (error) => this.problems.push(error),
      ...options,
    });

  /** A client that is live in the global room at position 10, and the list its callback fills. */
  live = async (options: Partial<FeedOptions> = {}) => {
    const client = this.client(options);
    const seen: number[] = [];
    client.on("new_trade", ({ n }) => seen.push(n));
    const leave = client.subscribe(ROOM);
    const connection = await this.hub.dialled();
    connection.welcome();
    connection.admit(ROOM, 10);
    return { client, seen, leave, connection };
  };

  redialled = async (afterMs: number): Promise<Connection> => {
    await vi.advanceTimersByTimeAsync(afterMs);
    return this.hub.dialled();
  };
}

/** Call it once at a test file's top: `world()` is the running test's. */
export function worlds(): () => World {
  let current: World;
  beforeEach(() => {
    vi.useFakeTimers();
    current = new World();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  return () => current;
}
