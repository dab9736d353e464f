import { describe, expect, test, vi } from "vitest";
import { ROOM, worlds } from "./world";

const world = worlds();

describe("a room", () => {
  test("is pending, then live with its snapshot, and its events follow in order", async () => {
    const client = world().client();
    const heard: unknown[] = [];
    client.on("snapshot", (data) => heard.push(data), ROOM);
    client.on("new_trade", ({ n }, { seq }) => heard.push([n, seq]));
    client.subscribe(ROOM);
    const connection = await world().hub.dialled();
    connection.welcome();
    expect(client.state.rooms).toEqual({ [ROOM]: "pending" });
    connection.admit(ROOM, 10);
    expect(client.state.rooms).toEqual({ [ROOM]: "live" });
    connection.event(ROOM, 12, 10);
    connection.event(ROOM, 15, 12);
    expect(heard).toEqual([{ at: 10 }, [12, 12], [15, 15]]);
  });

  test("passes an event that it had already only once", async () => {
    const { seen, connection } = await world().live();
    for (const seq of [9, 10, 11, 11, 10]) connection.event(ROOM, seq, seq - 1);
    expect(seen).toEqual([11]);
  });

  test("with a gap goes stale, resumes from where it was, and misses nothing", async () => {
    const { client, seen, connection } = await world().live();
    connection.event(ROOM, 11, 10);
    connection.event(ROOM, 14, 13);
    expect(client.state.rooms[ROOM]).toBe("stale");
    connection.event(ROOM, 15, 14);
    const asked = connection.recover(ROOM, [12, 11], [13, 12], [14, 13], [15, 14]);
    expect(asked.since).toEqual({ epoch: "e1", seq: 11 });
    expect(client.state.rooms[ROOM]).toBe("live");
    expect(seen).toEqual([11, 12, 13, 14, 15]);
  });

  test("whose gap is not filled by resuming asks for a snapshot, and if that fails too goes on as stale", async () => {
    const { client, seen, connection } = await world().live();
    connection.event(ROOM, 14, 13);
    connection.recover(ROOM, [14, 13]);
    const [second] = connection.said;
    expect(second).toMatchObject({ type: "subscribe", snapshot: true });
    expect(second).not.toHaveProperty("since");
    connection.admit(ROOM, 14);
    connection.event(ROOM, 20, 19);
    expect(seen).toEqual([20]);
    expect(client.state.rooms[ROOM]).toBe("stale");
    expect(connection.heard()).toEqual([]);
  });

  test("that stayed stale is repaired some time later", async () => {
    const { client, connection } = await world().live();
    connection.event(ROOM, 14, 13);
    connection.recover(ROOM, [14, 13]);
    connection.admit(ROOM, 14);
    connection.event(ROOM, 20, 19);
    await vi.advanceTimersByTimeAsync(10_001);
    connection.event(ROOM, 21, 20);
    connection.recover(ROOM, [21, 20]);
    expect(client.state.rooms[ROOM]).toBe("live");
  });

  test("learns from the hub's position that the last event was lost", async () => {
    const { client, seen, connection } = await world().live();
    connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: 10 });
    expect(connection.heard()).toEqual([]);
    connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: 11 });
    expect(client.state.rooms[ROOM]).toBe("stale");
    connection.recover(ROOM, [11, 10]);
    expect(seen).toEqual([11]);
    expect(client.state.rooms[ROOM]).toBe("live");
  });

  test("that the hub resynchronises is stale until its snapshot", async () => {
    const { client, seen, connection } = await world().live();
    connection.say({ type: "resync", room: ROOM, reason: "slow", from: 11, to: 50 });
    expect(client.state.rooms[ROOM]).toBe("stale");
    connection.say({ type: "snapshot", room: ROOM, epoch: "e1", seq: 50, ts: 0, data: {} });
    connection.event(ROOM, 51, 50);
    expect(client.state.rooms[ROOM]).toBe("live");
    expect(seen).toEqual([51]);
  });

  test("gets state events whatever their position", async () => {
    const { client, connection } = await world().live();
    const prices: number[] = [];
    client.on("price_update", ({ n }) => prices.push(n));
    for (const seq of [9, 10, 10])
      connection.say({ type: "price_update", room: ROOM, seq, ts: 0, data: { n: seq } });
    expect(prices).toEqual([9, 10, 10]);
  });

  test("that is refused is denied, without asking again", async () => {
    const { client, connection } = await world().live();
    client.subscribe("user_other");
    const [asked] = connection.heard();
    connection.say({
      type: "error",
      id: asked?.id,
      code: "forbidden",
      message: "no",
      retryable: false,
      room: "user_other",
    });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(client.state.rooms).toEqual({ [ROOM]: "live", user_other: "denied" });
    expect(connection.heard()).toEqual([]);
    expect(String(world().problems[0])).toContain("forbidden: no");
  });

  test("that cannot be joined now is asked for again when the hub says", async () => {
    const { client, connection } = await world().live();
    client.subscribe("token_A");
    const [asked] = connection.heard();
    connection.say({
      type: "error",
      id: asked?.id,
      code: "rate_limited",
      message: "slowly",
      retryable: true,
      retry_after_ms: 700,
    });
    await vi.advanceTimersByTimeAsync(699);
    expect(connection.heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.heard()).toMatchObject([{ type: "subscribe", room: "token_A" }]);
  });
});

describe("over a reconnection", () => {
  test("a room resumes from its position and every event comes once", async () => {
    const { client, seen, connection } = await world().live();
    connection.event(ROOM, 11, 10);
    connection.end(1006);
    expect(client.state.rooms[ROOM]).toBe("stale");
    const next = await world().redialled(500);
    next.welcome();
    expect(next.recover(ROOM, [12, 11], [13, 12]).since).toEqual({ epoch: "e1", seq: 11 });
    next.event(ROOM, 14, 13);
    expect(client.state.rooms[ROOM]).toBe("live");
    expect(seen).toEqual([11, 12, 13, 14]);
  });

  test("a room whose past is gone starts anew from a snapshot, even at a smaller position", async () => {
    const { client, seen, connection } = await world().live();
    const snapshots: number[] = [];
    client.on("snapshot", (_, { seq }) => snapshots.push(seq));
    connection.end(1006);
    const next = await world().redialled(500);
    next.welcome("e2");
    next.admit(ROOM, 3, "e2");
    next.event(ROOM, 4, 3);
    expect(snapshots).toEqual([3]);
    expect(seen).toEqual([4]);
  });

  test("an answer to a question of before is not taken for one to the newest", async () => {
    const { client, seen, connection } = await world().live();
    connection.event(ROOM, 14, 13);
    const [first] = connection.heard();
    connection.end(1006);
    const next = await world().redialled(500);
    next.welcome();
    next.say({ type: "subscribed", id: first?.id, room: ROOM, epoch: "e1", seq: 14, recovered: true });
    next.event(ROOM, 15, 14);
    expect(seen).toEqual([]);
    expect(client.state.rooms[ROOM]).toBe("stale");
  });
});

describe("holders of a room", () => {
  test("share one subscription; the last to go leaves it a second later", async () => {
    const { client, connection } = await world().live();
    const [one, two] = [client.subscribeToToken("A"), client.subscribeToToken("A")];
    expect(connection.heard()).toHaveLength(1);
    one();
    one();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(connection.heard()).toEqual([]);
    two();
    await vi.advanceTimersByTimeAsync(999);
    expect(connection.heard()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.heard()).toEqual([{ type: "unsubscribe", room: "token_A" }]);
    expect(client.state.rooms).toEqual({ [ROOM]: "live" });
  });

  test("that come back within the second find the room as it was", async () => {
    const { client, leave, connection } = await world().live();
    leave();
    await vi.advanceTimersByTimeAsync(500);
    client.subscribe(ROOM);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(connection.heard()).toEqual([]);
    expect(client.state.rooms).toEqual({ [ROOM]: "live" });
  });

  test("all gone end the connection", async () => {
    const { client, leave, connection } = await world().live();
    leave();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.state.status).toBe("idle");
    expect(connection.isClosedByClient).toBe(true);
  });
});

describe("candles", () => {
  test("are asked for by the room's subscription, of all its holders", async () => {
    const { client, connection } = await world().live();
    const leave = client.subscribeToToken("A", { candles: ["1s"] });
    client.subscribeToToken("A", { candles: ["1s"] });
    expect(connection.said).toMatchObject([{ room: "token_A", candles: ["1s"] }]);
    connection.admit("token_A", 5);
    client.subscribeToToken("A", { candles: ["1m"] });
    expect(connection.heard()).toMatchObject([{ since: { seq: 5 }, candles: ["1m", "1s"] }]);
    leave();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(connection.heard()).toEqual([]);
  });

  test("that nobody wants any more are left out of the next question", async () => {
    const { client, connection } = await world().live();
    const leave = client.subscribeToToken("A", { candles: ["1s"] });
    connection.admit("token_A", 5);
    leave();
    client.subscribeToToken("A");
    expect(connection.heard()).toMatchObject([{ since: { seq: 5 } }]);
    expect(client.state.rooms.token_A).toBe("live");
  });
});
