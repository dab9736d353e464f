import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FeedClient, type FeedOptions } from "@/lib/feed";
import { type Connection, Hub } from "./hub";

interface Events {
  new_trade: { n: number };
  price_update: { n: number };
}

const ROOM = "global";

let hub: Hub;
let problems: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  hub = new Hub();
  problems = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function clientWith(options: Partial<FeedOptions> = {}) {
  return new FeedClient<Events>({
    url: () => "ws://hub",
    WebSocket: hub.WebSocket,
    random: () => 1,
    onError: (error) => problems.push(error),
    ...options,
  });
}

/** A client that is live in the global room at position 10, and the list its callback fills. */
async function live(options: Partial<FeedOptions> = {}) {
  const client = clientWith(options);
  const seen: number[] = [];
  client.on("new_trade", ({ n }) => seen.push(n));
  const leave = client.subscribe(ROOM);
  const connection = await hub.dialled();
  connection.welcome();
  connection.admit(ROOM, 10);
  return { client, seen, leave, connection };
}

async function redialled(afterMs: number): Promise<Connection> {
  await vi.advanceTimersByTimeAsync(afterMs);
  return hub.dialled();
}

describe("a connection", () => {
  test("is not opened by making a client, and once by many subscriptions", async () => {
    const client = clientWith();
    await vi.advanceTimersByTimeAsync(1000);
    expect(hub.connections).toHaveLength(0);
    client.subscribe(ROOM);
    client.subscribe("token_A");
    void client.connect();
    await hub.dialled();
    expect(hub.connections).toHaveLength(1);
    expect(hub.connections[0]?.protocol).toBe("hub.v1");
  });

  test("tells its states, and connect() resolves with the welcome", async () => {
    const client = clientWith();
    const states: string[] = [];
    client.watch(() => states.push(client.state.status));
    const welcomed = client.connect();
    (await hub.dialled()).welcome();
    await welcomed;
    client.close();
    expect(states).toEqual(["connecting", "connected", "idle"]);
  });

  test("answers a ping", async () => {
    const { connection } = await live();
    connection.say({ type: "ping", ts: 1 });
    expect(connection.heard()).toEqual([{ type: "pong" }]);
  });

  test("that says no welcome is given up after ten seconds", async () => {
    const client = clientWith();
    void client.connect();
    await hub.dialled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state.status).toBe("waiting");
    expect(hub.connections[0]?.isClosedByClient).toBe(true);
  });

  test("that goes silent is dialled anew; any frame is a sign of life", async () => {
    const { client, connection } = await live();
    await vi.advanceTimersByTimeAsync(30_000);
    connection.say({ type: "ping", ts: 1 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(client.state.status).toBe("connected");
    await vi.advanceTimersByTimeAsync(7_500);
    expect(client.state.status).toBe("waiting");
    expect(client.state.reason).toBe("the hub has gone silent");
  });

  test("says nothing more to the callbacks once it is given up", async () => {
    const { seen, connection } = await live();
    connection.end(1006);
    connection.event(ROOM, 11, 10);
    expect(seen).toEqual([]);
  });

  test("to an address that is none is told as a problem, not thrown", async () => {
    class Refusing {
      constructor() {
        throw new SyntaxError("not an address");
      }
    }
    const client = clientWith({ WebSocket: Refusing as unknown as typeof WebSocket });
    client.subscribe(ROOM);
    await vi.advanceTimersByTimeAsync(0);
    expect(client.state.status).toBe("waiting");
    expect(problems).toHaveLength(1);
  });
});

describe("dialling again", () => {
  test("waits longer each time, up to twenty seconds, and anew after a stable connection", async () => {
    const { client } = await live();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      hub.connections.at(-1)?.end(1006);
      waits.push((client.state.retryAt ?? 0) - Date.now());
      await redialled(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
    hub.connections.at(-1)?.welcome();
    await vi.advanceTimersByTimeAsync(10_000);
    hub.connections.at(-1)?.end(1006);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(500);
  });

  test("is spread over the whole wait", async () => {
    const { client, connection } = await live({ random: () => 0.25 });
    connection.end(1006);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(125);
  });

  test.each([
    [1001, 10_000],
    [1012, 10_000],
    [1013, 5_500],
    [4408, 500],
    [4443, 30_500],
  ])("after close code %i within %i ms", async (code, most) => {
    const { client, connection } = await live();
    connection.end(code);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(most);
  });

  test.each([1000, 1003, 1007, 1009, 4400, 4403, 4410, 4442])(
    "never happens after close code %i",
    async (code) => {
      const { client, connection } = await live();
      connection.end(code, "because");
      await vi.advanceTimersByTimeAsync(60_000);
      expect(hub.connections).toHaveLength(1);
      expect(client.state).toMatchObject({ status: "closed", reason: "because" });
    },
  );

  test("follows the server's goodbye", async () => {
    const { client, connection } = await live();
    connection.say({
      type: "goodbye",
      code: 4441,
      reason: "the server drains",
      reconnect: true,
      after_ms: [1000, 8000],
    });
    connection.end(4441);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(8_000);
    expect(client.state.reason).toBe("the server drains");
  });

  test("does not happen when the goodbye says so, and connect() then rejects", async () => {
    const client = clientWith();
    const welcomed = client.connect();
    const connection = await hub.dialled();
    connection.say({ type: "goodbye", code: 4999, reason: "go away", reconnect: false });
    connection.end(4999);
    await expect(welcomed).rejects.toThrow("go away");
  });

  test("happens at once when somebody asks for it", async () => {
    const { client, connection } = await live();
    connection.end(1006);
    void client.connect();
    await hub.dialled();
    expect(hub.connections).toHaveLength(2);
  });
});

describe("waking up", () => {
  test("probes the line, and dials anew if nothing answers", async () => {
    const listeners = new Map<string, () => void>();
    vi.stubGlobal("addEventListener", (name: string, call: () => void) => listeners.set(name, call));
    vi.stubGlobal("removeEventListener", (name: string) => listeners.delete(name));
    const { client, connection } = await live();
    vi.setSystemTime(Date.now() + 1);
    listeners.get("visibilitychange")?.();
    expect(connection.heard()).toMatchObject([{ type: "ping" }]);
    connection.say({ type: "pong", id: 1, ts: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state.status).toBe("connected");
    listeners.get("online")?.();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state.status).toBe("waiting");
    listeners.get("online")?.();
    await hub.dialled();
    expect(hub.connections).toHaveLength(2);
    client.close();
    expect(listeners.size).toBe(0);
  });
});

describe("a room", () => {
  test("is pending, then live with its snapshot, and its events follow in order", async () => {
    const client = clientWith();
    const heard: unknown[] = [];
    client.on("snapshot", (data) => heard.push(data), ROOM);
    client.on("new_trade", ({ n }, { seq }) => heard.push([n, seq]));
    client.subscribe(ROOM);
    const connection = await hub.dialled();
    connection.welcome();
    expect(client.state.rooms).toEqual({ [ROOM]: "pending" });
    connection.admit(ROOM, 10);
    expect(client.state.rooms).toEqual({ [ROOM]: "live" });
    connection.event(ROOM, 12, 10);
    connection.event(ROOM, 15, 12);
    expect(heard).toEqual([{ at: 10 }, [12, 12], [15, 15]]);
  });

  test("passes an event that it had already only once", async () => {
    const { seen, connection } = await live();
    for (const seq of [9, 10, 11, 11, 10]) connection.event(ROOM, seq, seq - 1);
    expect(seen).toEqual([11]);
  });

  test("with a gap goes stale, resumes from where it was, and misses nothing", async () => {
    const { client, seen, connection } = await live();
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
    const { client, seen, connection } = await live();
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
    const { client, connection } = await live();
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
    const { client, seen, connection } = await live();
    connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: 10 });
    expect(connection.heard()).toEqual([]);
    connection.say({ type: "pos", room: ROOM, epoch: "e1", seq: 11 });
    expect(client.state.rooms[ROOM]).toBe("stale");
    connection.recover(ROOM, [11, 10]);
    expect(seen).toEqual([11]);
    expect(client.state.rooms[ROOM]).toBe("live");
  });

  test("that the hub resynchronises is stale until its snapshot", async () => {
    const { client, seen, connection } = await live();
    connection.say({ type: "resync", room: ROOM, reason: "slow", from: 11, to: 50 });
    expect(client.state.rooms[ROOM]).toBe("stale");
    connection.say({ type: "snapshot", room: ROOM, epoch: "e1", seq: 50, ts: 0, data: {} });
    connection.event(ROOM, 51, 50);
    expect(client.state.rooms[ROOM]).toBe("live");
    expect(seen).toEqual([51]);
  });

  test("gets state events whatever their position", async () => {
    const { client, connection } = await live();
    const prices: number[] = [];
    client.on("price_update", ({ n }) => prices.push(n));
    for (const seq of [9, 10, 10])
      connection.say({ type: "price_update", room: ROOM, seq, ts: 0, data: { n: seq } });
    expect(prices).toEqual([9, 10, 10]);
  });

  test("that is refused is denied, without asking again", async () => {
    const { client, connection } = await live();
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
    expect(String(problems[0])).toContain("forbidden: no");
  });

  test("that cannot be joined now is asked for again when the hub says", async () => {
    const { client, connection } = await live();
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
    const { client, seen, connection } = await live();
    connection.event(ROOM, 11, 10);
    connection.end(1006);
    expect(client.state.rooms[ROOM]).toBe("stale");
    const next = await redialled(500);
    next.welcome();
    expect(next.recover(ROOM, [12, 11], [13, 12]).since).toEqual({ epoch: "e1", seq: 11 });
    next.event(ROOM, 14, 13);
    expect(client.state.rooms[ROOM]).toBe("live");
    expect(seen).toEqual([11, 12, 13, 14]);
  });

  test("a room whose past is gone starts anew from a snapshot, even at a smaller position", async () => {
    const { client, seen, connection } = await live();
    const snapshots: number[] = [];
    client.on("snapshot", (_, { seq }) => snapshots.push(seq));
    connection.end(1006);
    const next = await redialled(500);
    next.welcome("e2");
    next.admit(ROOM, 3, "e2");
    next.event(ROOM, 4, 3);
    expect(snapshots).toEqual([3]);
    expect(seen).toEqual([4]);
  });

  test("an answer to a question of before is not taken for one to the newest", async () => {
    const { client, seen, connection } = await live();
    connection.event(ROOM, 14, 13);
    const [first] = connection.heard();
    connection.end(1006);
    const next = await redialled(500);
    next.welcome();
    next.say({ type: "subscribed", id: first?.id, room: ROOM, epoch: "e1", seq: 14, recovered: true });
    next.event(ROOM, 15, 14);
    expect(seen).toEqual([]);
    expect(client.state.rooms[ROOM]).toBe("stale");
  });
});

describe("holders of a room", () => {
  test("share one subscription; the last to go leaves it a second later", async () => {
    const { client, connection } = await live();
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
    const { client, leave, connection } = await live();
    leave();
    await vi.advanceTimersByTimeAsync(500);
    client.subscribe(ROOM);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(connection.heard()).toEqual([]);
    expect(client.state.rooms).toEqual({ [ROOM]: "live" });
  });

  test("all gone end the connection", async () => {
    const { client, leave, connection } = await live();
    leave();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.state.status).toBe("idle");
    expect(connection.isClosedByClient).toBe(true);
  });
});

describe("callbacks", () => {
  test("that throw do not keep others, nor the position, from the event", async () => {
    const client = clientWith();
    const seen: number[] = [];
    client.on("new_trade", () => {
      throw new Error("mine");
    });
    client.on("new_trade", ({ n }) => seen.push(n));
    client.subscribe(ROOM);
    const connection = await hub.dialled();
    connection.welcome();
    connection.admit(ROOM, 10);
    connection.event(ROOM, 11, 10);
    connection.event(ROOM, 11, 10);
    expect(seen).toEqual([11]);
    expect(problems).toEqual([new Error("mine")]);
  });

  test("of one room do not hear another's, and none once they have stopped", async () => {
    const { client, connection } = await live();
    const seen: string[] = [];
    const stop = client.on("new_trade", (_, { room }) => seen.push(room), "token_A");
    client.subscribe("token_A");
    connection.admit("token_A", 10);
    connection.event(ROOM, 11, 10);
    connection.event("token_A", 11, 7);
    stop();
    connection.event("token_A", 12, 11);
    expect(seen).toEqual(["token_A"]);
  });

  test("are not reached by a frame that is no JSON", async () => {
    const { connection } = await live();
    connection.onmessage?.({ data: "{" });
    expect(problems).toHaveLength(1);
  });
});

describe("a token", () => {
  test("goes ahead of the private rooms, in a message and not in the address", async () => {
    const client = clientWith({ getToken: () => "jwt" });
    client.subscribe(ROOM);
    client.subscribeToUser("W");
    const connection = await hub.dialled();
    connection.welcome();
    expect(connection.url).toBe("ws://hub");
    const [auth, ...rest] = connection.heard();
    expect(auth).toMatchObject({ type: "auth", token: "jwt" });
    expect(rest.map(({ room }) => room)).toEqual([ROOM]);
    connection.say({ type: "authed", id: auth?.id, auth: { wallet: "W", exp: 1 } });
    expect(connection.heard()).toMatchObject([{ type: "subscribe", room: "user_W" }]);
  });

  test("is asked for before every dial, and renewed when it is about to expire", async () => {
    const tokens = ["one", "two", "three"];
    const { connection } = await live({ getToken: async () => tokens.shift() ?? null });
    connection.say({ type: "auth_expiring" });
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.heard()).toMatchObject([{ type: "auth", token: "two" }]);
    connection.end(1006);
    const next = await redialled(500);
    next.welcome();
    expect(next.heard()[0]).toMatchObject({ type: "auth", token: "three" });
  });

  test("that is refused is renewed once, and then the client stops", async () => {
    const { client, connection } = await live({ getToken: () => "bad" });
    connection.end(4401);
    const next = await redialled(0);
    expect(hub.connections).toHaveLength(2);
    next.welcome();
    next.end(4401, "not valid");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hub.connections).toHaveLength(2);
    expect(client.state).toMatchObject({ status: "closed", reason: "not valid" });
  });
});
