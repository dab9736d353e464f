// @vitest-environment happy-dom

import { act, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Feed,
  FeedContext,
  useConnection,
  useEvent,
  useLatest,
  useRoom,
  useWebSocket,
} from "@/lib/websocket";
import { Hub } from "./hub";

let hub: Hub;
let feed: Feed;
let root: Root;
let place: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  hub = new Hub();
  feed = new Feed({ url: () => "ws://hub", WebSocket: hub.WebSocket, random: () => 1 });
  place = document.createElement("div");
  root = createRoot(place);
});

afterEach(async () => {
  await act(async () => root.unmount());
  feed.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function show(what: React.ReactNode): Promise<void> {
  return act(async () => {
    root.render(
      <StrictMode>
        <FeedContext value={feed}>{what}</FeedContext>
      </StrictMode>,
    );
  });
}

function Trades() {
  const status = useRoom("token_A");
  const { status: connection } = useConnection();
  return (
    <p>
      {connection} {status}
    </p>
  );
}

function Price({ onRender }: { onRender: () => void }) {
  useRoom("token_A");
  onRender();
  return <p>{useLatest("price_update", "token_A")?.price ?? "none"}</p>;
}

function Listener({ call }: { call: (seq: number) => void }) {
  useRoom("token_A");
  useEvent("new_trade", (_, { seq }) => call(seq), "token_A");
  return null;
}

function Caller({ tell }: { tell: (api: ReturnType<typeof useWebSocket>) => void }) {
  tell(useWebSocket());
  return null;
}

describe("in React's StrictMode", () => {
  test("several components share one socket and one subscription", async () => {
    await show([<Trades key="1" />, <Trades key="2" />]);
    const connection = await hub.dialled();
    await act(async () => connection.welcome());
    expect(connection.said).toHaveLength(1);
    await act(async () => connection.admit("token_A", 5));
    expect(place.textContent).toBe("connected liveconnected live");
    await act(async () => vi.advanceTimersByTimeAsync(5_000));
    expect(hub.connections).toHaveLength(1);
    expect(connection.said).toEqual([]);
  });

  test("the last component to go leaves the room, and with it the connection", async () => {
    await show(<Trades />);
    const connection = await hub.dialled();
    await act(async () => connection.welcome());
    await show(null);
    await act(async () => vi.advanceTimersByTimeAsync(1_000));
    expect(connection.heard().at(-1)).toEqual({ type: "unsubscribe", room: "token_A" });
    expect(feed.state.status).toBe("idle");
  });
});

test("an event calls the newest callback once, and none after unmounting", async () => {
  const seen: string[] = [];
  await show(<Listener call={(seq) => seen.push(`a${seq}`)} />);
  const connection = await hub.dialled();
  await act(async () => connection.welcome());
  await act(async () => connection.admit("token_A", 5));
  await act(async () => connection.event("token_A", 6, 5));
  await show(<Listener call={(seq) => seen.push(`b${seq}`)} />);
  await act(async () => connection.event("token_A", 7, 6));
  await show(null);
  await act(async () => connection.event("token_A", 8, 7));
  expect(seen).toEqual(["a6", "b7"]);
});

test("connect() of useWebSocket joins the room and the user's own with a token, however often it is called", async () => {
  let api: ReturnType<typeof useWebSocket> | undefined;
  await show(<Caller tell={(found) => (api = found)} />);
  expect(hub.connections).toHaveLength(0);
  const { connect, on } = api as ReturnType<typeof useWebSocket>;
  void connect("jwt", "global", "W");
  void connect("jwt", "global", "W");
  const seen: number[] = [];
  on("new_trade", (_, { seq }) => seen.push(seq));
  const connection = await hub.dialled();
  connection.welcome();
  const [auth, global] = connection.heard();
  expect(auth).toMatchObject({ type: "auth", token: "jwt" });
  expect(global).toMatchObject({ type: "subscribe", room: "global", snapshot: true });
  connection.say({ type: "authed", id: auth?.id });
  expect(connection.heard()).toMatchObject([{ type: "subscribe", room: "user_W" }]);
  connection.say({ type: "subscribed", id: global?.id, room: "global", seq: 1 });
  connection.say({ type: "snapshot", room: "global", epoch: "e1", seq: 1, data: {} });
  connection.event("global", 2, 1);
  expect(seen).toEqual([2]);
  await act(async () => vi.advanceTimersByTimeAsync(5_000));
  expect(Object.keys(feed.state.rooms)).toEqual(["global", "user_W"]);
});

test("useLatest renders once per frame, with the newest, and starts empty", async () => {
  let renderings = 0;
  await show(<Price onRender={() => (renderings += 1)} />);
  const connection = await hub.dialled();
  await act(async () => connection.welcome());
  await act(async () => connection.admit("token_A", 5));
  expect(place.textContent).toBe("none");
  const before = renderings;
  await act(async () => {
    for (const price of ["1", "2", "3"])
      connection.say({ type: "price_update", room: "token_A", seq: 5, ts: 0, data: { price } });
    await vi.advanceTimersByTimeAsync(100);
  });
  expect(place.textContent).toBe("3");
  expect(renderings - before).toBeLessThanOrEqual(2); // StrictMode renders twice
});
