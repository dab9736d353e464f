import { expect, test } from "vitest";
import { viewOf } from "@/lib/connection";
import type { FeedState, RoomStatus } from "@/lib/websocket";

function state(given: Partial<FeedState>): FeedState {
  return { status: "connected", rooms: {}, attempt: 0, retryAt: null, reason: null, welcome: null, ...given };
}

function rooms(...statuses: RoomStatus[]) {
  return Object.fromEntries(statuses.map((status, index) => [`room${index}`, status]));
}

test.each([
  ["live", state({ rooms: rooms("live", "denied") })],
  ["stale", state({ rooms: rooms("live", "stale", "pending") })],
  ["connecting", state({ rooms: rooms("live", "pending") })],
  ["connecting", state({ status: "connecting" })],
  ["idle", state({ status: "idle" })],
  ["reconnecting", state({ status: "connecting", attempt: 1 })],
  ["reconnecting", state({ status: "waiting", attempt: 1, retryAt: 5_000 })],
  ["disconnected", state({ status: "closed", reason: "forbidden" })],
])("the page says %s", (said, given) => {
  expect(viewOf(given, 4).state).toBe(said);
});

test("waiting is counted down, and explained when it lasts", () => {
  const waiting = { status: "waiting", retryAt: 10_000 } as const;
  expect(viewOf(state({ ...waiting, attempt: 1 }), 7)).toMatchObject({
    label: "Reconnecting in 3 s",
    notice: null,
  });
  expect(viewOf(state({ ...waiting, attempt: 2 }), 7)).toMatchObject({ canRetry: true });
  expect(viewOf(state({ ...waiting, attempt: 2 }), 7).notice).toContain("may be old");
});

test("the end of the connection is told with its reason", () => {
  expect(viewOf(state({ status: "closed", reason: "forbidden" }), 0)).toMatchObject({
    tone: "bad",
    canRetry: true,
  });
  expect(viewOf(state({ status: "closed", reason: "forbidden" }), 0).notice).toContain("forbidden");
});
