import { describe, expect, test } from "vitest";
import { atBars, marksOf } from "@/lib/marks";
import { IDLE, isUnderWay, matched, type Order, told } from "@/lib/order";
import { type Position, positionOf, repriced, unrealized, withPositions, worthOf } from "@/lib/positions";
import { tradeOf } from "@/lib/trades";
import { shareOf, toUnits } from "@/lib/trading";
import { webLink } from "@/lib/useFacts";
import { MINT, newTrade } from "./samples";

const PENDING: Order = { step: "pending", side: "buy", signature: "mine", lastValid: 9 };

describe("an order", () => {
  test("is confirmed by the trade of its signature, and stays so when that leaves the list", () => {
    const other = tradeOf(newTrade({ signature: "other" }), 1);
    const mine = tradeOf(newTrade({ signature: "mine" }), 2);
    expect(matched(PENDING, [other])).toBe(PENDING);
    const confirmed = matched(PENDING, [mine, other]);
    expect(confirmed).toMatchObject({ step: "confirmed", trade: mine });
    expect(matched(confirmed, [])).toBe(confirmed);
  });

  test("is confirmed by the chain where the feed is away, and gets its trade later", () => {
    const confirmed = told(PENDING, "confirmed", null);
    expect(confirmed).toMatchObject({ step: "confirmed", trade: null });
    const mine = tradeOf(newTrade({ signature: "mine" }), 2);
    expect(matched(confirmed, [mine])).toMatchObject({ trade: mine });
  });

  test.each([
    ["expired", null, "failed"],
    ["failed", "too little SOL", "failed"],
    ["processed", null, "pending"],
    ["unknown", null, "pending"],
  ])("that the chain calls %s is %s", (status, reason, step) => {
    const order = told(PENDING, status, reason);
    expect(order.step).toBe(step);
    if (reason) expect(order).toMatchObject({ reason });
  });

  test("is under way until it has ended", () => {
    expect(isUnderWay(PENDING)).toBe(true);
    expect(isUnderWay(IDLE)).toBe(false);
    expect(isUnderWay(told(PENDING, "expired", null))).toBe(false);
  });
});

test.each([
  ["0.5", 500_000_000n],
  [" 1. ", 1_000_000_000n],
  [".000000001", 1n],
  ["0.0000000001", null],
  ["", null],
  [".", null],
  ["1e3", null],
  ["-1", null],
])("%s SOL are %s lamports", (text, units) => {
  expect(toUnits(text, 9)).toBe(units);
});

test("a share of what is held is rounded down", () => {
  expect(shareOf("3", 50)).toBe(1n);
  expect(shareOf("3", 100)).toBe(3n);
});

function position(seq: number, given: Partial<Position> = {}): Position {
  const json = { wallet: "W", mint: MINT, base_amount: "2000000", cost_quote: "50", realized_quote: "7" };
  return { ...positionOf({ ...json, buys: 1, sells: 0 }, seq), ...given };
}

describe("positions", () => {
  test("are those of the newest view, with names and prices from any", () => {
    const named = withPositions(new Map(), [position(5, { symbol: "LIGHT", price: "0.00000003" })]);
    const newer = withPositions(named, [position(6, { base: "0" })]).get(MINT);
    expect(newer).toMatchObject({ base: "0", seq: 6, symbol: "LIGHT", price: "0.00000003" });
    const older = withPositions(withPositions(new Map(), [position(6, { base: "0" })]), [position(5)]);
    expect(older.get(MINT)).toMatchObject({ base: "0", seq: 6 });
  });

  test("are worth their price of now, and nothing is guessed without one", () => {
    expect(worthOf(position(1), "0.00000003")).toBe(60n);
    expect(unrealized(position(1), "0.00000003")).toBe(10n);
    expect(unrealized(position(1), null)).toBeNull();
    const held = new Map([[MINT, position(1)]]);
    expect(repriced(held, MINT, "2").get(MINT)?.price).toBe("2");
    expect(repriced(held, "another", "2")).toBe(held);
  });
});

test("the chart marks the creator's trades and one's own, once a bar and side", () => {
  const rows = [
    tradeOf(newTrade({ signature: "a", wallet: "creator", block_time: 61 }), 1),
    tradeOf(newTrade({ signature: "b", wallet: "me", block_time: 62, side: "sell" }), 2),
    tradeOf(newTrade({ signature: "c", wallet: "creator", block_time: 70 }), 3),
    tradeOf(newTrade({ signature: "d", wallet: "stranger", block_time: 71 }), 4),
  ];
  const marks = marksOf(rows.slice(0, 1), rows.toReversed(), { creator: "creator", me: "me" });
  expect(marks.map(({ time, whose }) => [time, whose])).toEqual([
    [61, "creator"],
    [62, "me"],
    [70, "creator"],
  ]);
  expect(atBars(marks, 60)).toEqual([
    { time: 60, side: "buy", whose: "creator" },
    { time: 60, side: "sell", whose: "me" },
  ]);
});

test("a stranger's address is a link only if it is a web page's", () => {
  expect(webLink("https://example.org/x")).toBe("https://example.org/x");
  for (const text of [null, "", "javascript:alert(1)", "data:text/html,x", "no address"])
    expect(webLink(text)).toBeNull();
});
