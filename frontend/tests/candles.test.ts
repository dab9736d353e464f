import { describe, expect, test } from "vitest";
import { type Bar, barsOf, connected, type PricedTrade, withTrade } from "@/lib/candles";

function trade(seq: number, time: number, price: number, volume = 1): PricedTrade {
  return { seq, time, price, volume };
}

const MINUTE = 60;

describe("folding trades", () => {
  test("makes one bar of each interval in which something happened", () => {
    const bars = barsOf([trade(1, 60, 5), trade(2, 70, 9), trade(3, 119, 4), trade(4, 240, 6, 2)], MINUTE);
    expect(bars).toEqual([
      { start: 60, open: 5, high: 9, low: 4, close: 4, volume: 3, trades: 3, seq: 3 },
      { start: 240, open: 6, high: 6, low: 6, close: 6, volume: 2, trades: 1, seq: 4 },
    ]);
  });

  test("leaves the given bars as they are", () => {
    const before = Object.freeze([Object.freeze(barsOf([trade(1, 60, 5)], MINUTE)[0] as Bar)]);
    expect(withTrade(before, trade(2, 61, 7), MINUTE)[0]?.close).toBe(7);
    expect(before[0]?.close).toBe(5);
  });

  test("does not count a trade that the bar already has", () => {
    const bars = barsOf([trade(5, 60, 5)], MINUTE);
    expect(withTrade(bars, trade(5, 60, 5), MINUTE)).toBe(bars);
    expect(withTrade(bars, trade(4, 60, 3), MINUTE)).toBe(bars);
  });

  test("puts a late trade where it belongs", () => {
    const bars = barsOf([trade(1, 60, 5), trade(3, 180, 6)], MINUTE);
    const late = withTrade(bars, trade(4, 125, 9), MINUTE);
    expect(late.map(({ start }) => start)).toEqual([60, 120, 180]);
    expect(late[1]).toMatchObject({ open: 9, trades: 1 });
  });
});

test("drawn bars open where the one before closed, and their wicks reach there", () => {
  const bars = barsOf([trade(1, 60, 5), trade(2, 120, 9), trade(3, 180, 7)], MINUTE);
  expect(connected(bars).map(({ open, high, low, close }) => [open, high, low, close])).toEqual([
    [5, 5, 5, 5],
    [5, 9, 5, 9],
    [9, 9, 7, 7],
  ]);
});
