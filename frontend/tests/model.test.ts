import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FeedClient } from "@/lib/feed";
import { type Connection, Hub } from "./hub";

/** A small generator with a seed: the same story every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ROOM = "token_A";

/** A room as a hub keeps it: every event with the position before it, and answers to subscribe. */
class ModelRoom {
  events: [seq: number, prev: number][] = [];
  seq = 0;

  grow(random: () => number): [number, number] {
    const prev = this.seq;
    this.seq += 1 + Math.floor(random() * 3);
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
      connection.say({
        type: "subscribed",
        id: said.id,
        room: ROOM,
        epoch: "e1",
        seq: since ?? this.seq,
        ...state,
      });
      if (since === undefined)
        connection.say({ type: "snapshot", room: ROOM, epoch: "e1", seq: this.seq, ts: 0, data: {} });
      for (const [seq, prev] of missed) connection.event(ROOM, seq, prev);
    }
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each(Array.from({ length: 40 }, (_, seed) => seed))(
  "whatever is lost, doubled or cut, every event arrives once and in order (story %i)",
  async (seed) => {
    const random = seeded(seed);
    const hub = new Hub();
    const room = new ModelRoom();
    const client = new FeedClient<{ new_trade: { n: number } }>({
      url: () => "ws://hub",
      WebSocket: hub.WebSocket,
      random,
    });
    const seen: number[] = [];
    let start = 0;
    client.on("new_trade", ({ n }) => seen.push(n));
    client.on("snapshot", (_, { seq }) => {
      if (seen.length === 0) start = seq;
    });
    client.subscribe(ROOM);
    (await hub.dialled()).welcome();
    room.answer(await hub.dialled());

    for (let step = 0; step < 120; step += 1) {
      const connection = await hub.dialled();
      if (connection.readyState === 0) connection.welcome();
      room.answer(connection);
      const [seq, prev] = room.grow(random);
      const luck = random();
      if (luck < 0.04) connection.end(1006);
      else if (luck > 0.12) connection.event(ROOM, seq, prev);
      if (luck > 0.9) connection.event(ROOM, seq, prev);
      await vi.advanceTimersByTimeAsync(random() * 12_000);
    }

    for (let round = 0; round < 3; round += 1) {
      await vi.advanceTimersByTimeAsync(20_000);
      const connection = await hub.dialled();
      if (connection.readyState === 0) connection.welcome();
      room.answer(connection);
      connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: room.seq });
      room.answer(connection);
    }
    expect(seen).toEqual(room.events.map(([seq]) => seq).filter((seq) => seq > start));
    expect(client.state.rooms[ROOM]).toBe("live");
    client.close();
  },
);
