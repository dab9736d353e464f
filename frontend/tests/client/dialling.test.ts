import { describe, expect, test, vi } from "vitest";
import { ROOM, worlds } from "./world";

const world = worlds();

describe("dialling again", () => {
  test("waits longer each time, up to twenty seconds, and anew after a stable connection", async () => {
    const { client } = await world().live();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 7; attempt += 1) {
      world().hub.connections.at(-1)?.end(1006);
      waits.push((client.state.retryAt ?? 0) - Date.now());
      await world().redialled(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000]);
    world().hub.connections.at(-1)?.welcome();
    await vi.advanceTimersByTimeAsync(10_000);
    world().hub.connections.at(-1)?.end(1006);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(500);
  });

  test("is spread over the whole wait", async () => {
    const { client, connection } = await world().live({ random: () => 0.25 });
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
    const { client, connection } = await world().live();
    connection.end(code);
    expect((client.state.retryAt ?? 0) - Date.now()).toBe(most);
  });

  test.each([1000, 1003, 1007, 1009, 4400, 4403, 4410, 4442])(
    "never happens after close code %i",
    async (code) => {
      const { client, connection } = await world().live();
      connection.end(code, "because");
      await vi.advanceTimersByTimeAsync(60_000);
      expect(world().hub.connections).toHaveLength(1);
      expect(client.state).toMatchObject({ status: "closed", reason: "because" });
    },
  );

  test("follows the server's goodbye", async () => {
    const { client, connection } = await world().live();
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
    const client = world().client();
    const welcomed = client.connect();
    const connection = await world().hub.dialled();
    connection.say({ type: "goodbye", code: 4999, reason: "go away", reconnect: false });
    connection.end(4999);
    await expect(welcomed).rejects.toThrow("go away");
  });

  test("happens at once when somebody asks for it", async () => {
    const { client, connection } = await world().live();
    connection.end(1006);
    void client.connect();
    await world().hub.dialled();
    expect(world().hub.connections).toHaveLength(2);
  });
});

describe("a token", () => {
  test("goes ahead of the private rooms, in a message and not in the address", async () => {
    const client = world().client({ getToken: () => "jwt" });
    client.subscribe(ROOM);
    client.subscribeToUser("W");
    const connection = await world().hub.dialled();
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
    const { connection } = await world().live({ getToken: async () => tokens.shift() ?? null });
    connection.say({ type: "auth_expiring" });
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.heard()).toMatchObject([{ type: "auth", token: "two" }]);
    connection.end(1006);
    const next = await world().redialled(500);
    next.welcome();
    expect(next.heard()[0]).toMatchObject({ type: "auth", token: "three" });
  });

  test("that is refused is renewed once, and then the client stops", async () => {
    const { client, connection } = await world().live({ getToken: () => "bad" });
    connection.end(4401);
    const next = await world().redialled(0);
    expect(world().hub.connections).toHaveLength(2);
    next.welcome();
    next.end(4401, "not valid");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world().hub.connections).toHaveLength(2);
    expect(client.state).toMatchObject({ status: "closed", reason: "not valid" });
  });

  test("of another wallet is told to the open connection; without any the connection is made anew", async () => {
    const { client, connection } = await world().live({ getToken: () => "one" });
    connection.heard();
    client.authenticate(() => "two");
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.heard()).toMatchObject([{ type: "auth", token: "two" }]);
    client.authenticate(() => null);
    const next = await world().hub.dialled();
    expect(connection.isClosedByClient).toBe(true);
    next.welcome();
    expect(next.heard()).toMatchObject([{ type: "subscribe", room: ROOM, since: { seq: 10 } }]);
  });

  test("that was superseded while it was being fetched is not sent", async () => {
    const { client, connection } = await world().live();
    client.authenticate(() => new Promise((resolve) => setTimeout(() => resolve("slow"), 1_000)));
    client.authenticate(() => "quick");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(connection.heard()).toMatchObject([{ type: "auth", token: "quick" }]);
  });

  test("of the next sign-in opens what signing out had closed", async () => {
    const { client, connection } = await world().live({ getToken: () => "one" });
    connection.end(4442, "signed out");
    expect(client.state.status).toBe("closed");
    client.authenticate(() => null);
    const next = await world().hub.dialled();
    next.welcome();
    expect(next.heard()).toMatchObject([{ room: ROOM }]);
  });

  test("that has expired takes its room away, and the next one opens it again where it was", async () => {
    const tokens = ["one", "two"];
    const { client, connection } = await world().live({ getToken: () => tokens.shift() ?? null });
    const [auth] = connection.heard();
    connection.say({ type: "authed", id: auth?.id });
    client.subscribeToUser("W");
    connection.admit("user_W", 20);
    connection.say({ type: "error", code: "token_expired", message: "bring another", room: "user_W" });
    expect(client.state.rooms).toEqual({ [ROOM]: "live", user_W: "denied" });
    await vi.advanceTimersByTimeAsync(0);
    const [again] = connection.heard();
    expect(again).toMatchObject({ type: "auth", token: "two" });
    connection.say({ type: "authed", id: again?.id });
    expect(connection.recover("user_W").since).toEqual({ epoch: "e1", seq: 20 });
    expect(client.state.rooms.user_W).toBe("live");
  });
});
