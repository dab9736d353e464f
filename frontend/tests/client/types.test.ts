import { expectTypeOf, test } from "vitest";
import type { EventFrame, Feed, FeedEvents, NewTrade, RoomData } from "@/lib/feed";
import type { useLatest, useWebSocket } from "@/lib/websocket";

/** `npm run typecheck` is what judges these. */
declare const feed: Feed;

test("an event's name decides the type of its data", () => {
  const use = () => {
    feed.on("new_trade", (trade, frame) => {
      expectTypeOf(trade).toEqualTypeOf<NewTrade>();
      expectTypeOf(frame).toEqualTypeOf<EventFrame<"new_trade", NewTrade>>();
      expectTypeOf(frame.prev).toEqualTypeOf<number | null | undefined>();
      expectTypeOf(trade.side).toEqualTypeOf<"buy" | "sell">();
      expectTypeOf(trade.base_amount).toEqualTypeOf<string>();
    });
    feed.on("snapshot", (state) => expectTypeOf(state).toEqualTypeOf<RoomData>());
    feed.on("finality", (data) => expectTypeOf(data).toEqualTypeOf<FeedEvents["finality"]>());
    // @ts-expect-error there is no such event
    feed.on("new_trades", () => {});
  };
  expectTypeOf(use).toBeFunction();
});

test("the hooks keep the types of the client", () => {
  expectTypeOf<ReturnType<typeof useWebSocket>["client"]>().toEqualTypeOf<Feed>();
  expectTypeOf<ReturnType<typeof useWebSocket>["connect"]>().toBeCallableWith("jwt", "global", "wallet");
  expectTypeOf<ReturnType<typeof useLatest<"price_update">>>().toEqualTypeOf<
    FeedEvents["price_update"] | null
  >();
});
