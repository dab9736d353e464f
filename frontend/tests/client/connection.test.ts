import { describe, expect, test, vi } from "vitest";
import { ROOM, worlds } from "./world";

const world = worlds();

describe("a connection", () => {
  test("is not opened by making a client, and once by many subscriptions", async () => {
    const client = world().client();
    await vi.advanceTimersByTimeAsync(1000);
    expect(world().hub.connections).toHaveLength(0);
    client.subscribe(ROOM);
    client.subscribe("token_A");
    void client.connect();
    await world().hub.dialled();
    expect(world().hub.connections).toHaveLength(1);
    expect(world().hub.connections[0]?.protocol).toBe("hub.v1");
  });

  test("tells its states, and connect() resolves with the welcome", async () => {
    const client = world().client();
    const states: string[] = [];
    client.watch(() => states.push(client.state.status));
    const welcomed = client.connect();
    (await world().hub.dialled()).welcome();
    await welcomed;
    client.close();
    expect(states).toEqual(["connecting", "connected", "idle"]);
  });

  test("answers a ping", async () => {
    const { connection } = await world().live();
    connection.say({ type: "ping", ts: 1 });
    expect(connection.heard()).toEqual([{ type: "pong" }]);
  });

  test("that says no welcome is given up after ten seconds", async () => {
    const client = world().client();
    void client.connect();
    await world().hub.dialled();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state.status).toBe("waiting");
    expect(world().hub.connections[0]?.isClosedByClient).toBe(true);
  });

  test("that goes silent is dialled anew; any frame is a sign of life", async () => {
    const { client, connection } = await world().live();
    await vi.advanceTimersByTimeAsync(30_000);
    connection.say({ type: "ping", ts: 1 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(client.state.status).toBe("connected");
    await vi.advanceTimersByTimeAsync(7_500);
    expect(client.state.status).toBe("waiting");
    expect(client.state.reason).toBe("the hub has gone silent");
  });

  test("is watched by timers that messages set: a hidden tab's own ones are slowed down", async () => {
    const { connection } = await world().live();
    await vi.advanceTimersByTimeAsync(5_000);
    const set = vi.spyOn(globalThis, "setTimeout");
    connection.say({ type: "ping", ts: 1 });
    connection.say({ type: "ping", ts: 2 });
    expect(set).toHaveBeenCalledTimes(1);
  });

  test("says nothing more to the callbacks once it is given up", async () => {
    const { seen, connection } = await world().live();
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
    const client = world().client({ WebSocket: Refusing as unknown as typeof WebSocket });
    client.subscribe(ROOM);
    await vi.advanceTimersByTimeAsync(0);
    expect(client.state.status).toBe("waiting");
    expect(world().problems).toHaveLength(1);
  });
});

describe("waking up", () => {
  test("probes the line, and dials anew if nothing answers", async () => {
    const listeners = new Map<string, () => void>();
    vi.stubGlobal("addEventListener", (name: string, call: () => void) => listeners.set(name, call));
    vi.stubGlobal("removeEventListener", (name: string) => listeners.delete(name));
    const { client, connection } = await world().live();
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
    await world().hub.dialled();
    expect(world().hub.connections).toHaveLength(2);
    client.close();
    expect(listeners.size).toBe(0);
  });
});

describe("callbacks", () => {
  test("that throw do not keep others, nor the position, from the event", async () => {
    const client = world().client();
    const seen: number[] = [];
    client.on("new_trade", () => {
      throw new Error("mine");
    });
    client.on("new_trade", ({ n }) => seen.push(n));
    client.subscribe(ROOM);
    const connection = await world().hub.dialled();
    connection.welcome();
    connection.admit(ROOM, 10);
    connection.event(ROOM, 11, 10);
    connection.event(ROOM, 11, 10);
    expect(seen).toEqual([11]);
    expect(world().problems).toEqual([new Error("mine")]);
  });

  test("of one room do not hear another's, and none once they have stopped", async () => {
    const { client, connection } = await world().live();
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
    const { connection } = await world().live();
    connection.onmessage?.({ data: "{" });
    expect(world().problems).toHaveLength(1);
  });
});
