import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FeedClient } from "@/lib/feed";
import { type Connection, Hub } from "./hub";

const ROOM = "token_A";

/** A room as a hub keeps it: every event with the position before it, and answers to subscribe. */
class ModelRoom {
  events: [seq: number, prev: number][] = [];
  seq = 0;

  grow(by: number): [number, number] {
    const prev = this.seq;
    this.seq += by;
    this.events.push([this.seq, prev]);
    return [this.seq, prev];
  }

  /** Answer what the client asked for. */
  answer(connection: Connection): void {
    for (const said of connection.heard()) {
      if (said.type !== "subscribe") continue;
      const since = said.since?.seq;
      const missed = this.events.filter(([seq]) => since !== undefined && seq > since);
      const state = since === undefined ? {} : { recovered: true, replayed: missed.length };
      const seq = since ?? this.seq;
      connection.say({ type: "subscribed", id: said.id, room: ROOM, epoch: "e1", seq, ...state });
      if (since === undefined)
        connection.say({ type: "snapshot", room: ROOM, epoch: "e1", seq: this.seq, ts: 0, data: {} });
      for (const [seq, prev] of missed) connection.event(ROOM, seq, prev);
    }
  }
}

/** What becomes of one event on its way, by how much `seq` grows, and how long it is until the next. */
const step = fc.record({
  fate: fc.constantFrom("arrives", "arrives", "arrives", "arrives", "doubled", "lost", "cut" as const),
  by: fc.integer({ min: 1, max: 3 }),
  pause: fc.integer({ min: 0, max: 12_000 }),
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The open connection, welcomed and with all it asked answered. */
async function served(hub: Hub, room: ModelRoom): Promise<Connection> {
  const connection = await hub.dialled();
  if (connection.readyState === 0) connection.welcome();
  room.answer(connection);
  return connection;
}

test("whatever is lost, doubled or cut, every event arrives once and in order", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      async (story, luck) => {
        const hub = new Hub();
        const room = new ModelRoom();
        const client = new FeedClient<{ new_trade: { n: number } }>({
          url: () => "ws://hub",
          WebSocket: hub.WebSocket,
          random: () => luck,
        });
        const seen: number[] = [];
        let start = 0;
        client.on("new_trade", ({ n }) => seen.push(n));
        client.on("snapshot", (_, { seq }) => {
          if (seen.length === 0) start = seq;
        });
        client.subscribe(ROOM);
        await served(hub, room);
        for (const { fate, by, pause } of story) {
          const connection = await served(hub, room);
          const [seq, prev] = room.grow(by);
          if (fate === "cut") connection.end(1006);
          else if (fate !== "lost") connection.event(ROOM, seq, prev);
          if (fate === "doubled") connection.event(ROOM, seq, prev);
          await vi.advanceTimersByTimeAsync(pause);
        }
        for (let second = 0; second < 45; second += 1) {
          await vi.advanceTimersByTimeAsync(1_000);
          await served(hub, room); // in time, or the client gives the connection up
        }
        const connection = await served(hub, room);
        connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: room.seq });
        room.answer(connection);
        expect(seen).toEqual(room.events.map(([seq]) => seq).filter((seq) => seq > start));
        expect(client.state.rooms[ROOM]).toBe("live");
        client.close();
      },
    ),
    { numRuns: 60 },
  );
});
