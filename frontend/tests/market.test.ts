import { describe, expect, test } from "vitest";
import { changed, created, EMPTY_MARKET, joined, loaded, type Market, retracted, traded } from "@/lib/market";
import { atStage, NO_FILTER, ordered, passes } from "@/lib/tokens";
import { tradeOf } from "@/lib/trades";
import { MINT, newTrade, token, tokenCreated } from "./samples";

function only(market: Market) {
  return market.tokens.get(MINT);
}

describe("the market", () => {
  test("shows a created token and what its trades make of it", () => {
    let market = created(EMPTY_MARKET, tokenCreated(), 7, 100);
    market = traded(market, newTrade({ price: "0.00000004", user_quote_amount: "2020000000" }), 8, 100);
    market = traded(market, newTrade({ price: "0.00000003", side: "sell" }), 9, 101);
    expect(only(market)).toMatchObject({
      symbol: "LIGHT",
      price: "0.00000003",
      trades: 2,
      volume: 4_020_000_000n,
      lastSide: "sell",
      trend: -1,
      firstSeq: 7,
      seq: 9,
    });
    expect(market.tape.map(({ seq }) => seq)).toEqual([9, 8]);
    expect(market.pulse).toEqual([
      { second: 100, trades: 1, created: 1, volume: 2_020_000_000n },
      { second: 101, trades: 1, created: 0, volume: 2_000_000_000n },
    ]);
  });

  test("counts no trade twice, whether REST or the feed told of it first", () => {
    const fromFeed = traded(loaded(EMPTY_MARKET, [token(8)]), newTrade(), 8, 100);
    expect(only(fromFeed)).toMatchObject({ trades: 5, seq: 8 });
    const fromRest = loaded(traded(loaded(EMPTY_MARKET, [token(8)]), newTrade(), 9, 100), [token(8)]);
    expect(only(fromRest)).toMatchObject({ trades: 6, seq: 9 });
  });

  test("gives a token that was first known by a trade its name later", () => {
    const market = traded(EMPTY_MARKET, newTrade({ price: "0.5" }), 20, 100);
    expect(only(market)).toMatchObject({ name: null, firstSeq: 0 });
    expect(only(loaded(market, [token(18)]))).toMatchObject({ name: "First Light", price: "0.5", seq: 20 });
  });

  test("forgets the minute before the last one", () => {
    let market = traded(EMPTY_MARKET, newTrade(), 1, 100);
    market = traded(market, newTrade(), 2, 160);
    expect(market.pulse.map(({ second }) => second)).toEqual([160]);
  });

  test("begins with what the room's snapshot tells, and knows how far back that reaches", () => {
    const data = [
      newTrade({ block_time: 998, side: "sell" }),
      newTrade({ block_time: 997, signature: "older" }),
    ];
    const rows = data.map((trade, index) => tradeOf(trade, 10 - index));
    const market = joined(EMPTY_MARKET, [token(10, { createdAt: 998 })], rows, 1_000);
    expect(market.tape).toHaveLength(2);
    expect(market.pulse).toEqual([{ second: 998, trades: 1, created: 1, volume: 2_000_000_000n }]);
    expect(market.since).toBe(997);
    expect(only(market)).toMatchObject({ lastSide: "sell", lastQuote: "2000000000" });
    expect(only(loaded(market, [token(10)]))).toMatchObject({ lastSide: "sell" });
    expect(joined(market, [], rows, 1_001).pulse).toBe(market.pulse);
  });

  test("knows the whole last minute when the snapshot's trades reach beyond it", () => {
    const rows = [tradeOf(newTrade({ block_time: 900 }), 10)];
    expect(joined(EMPTY_MARKET, [], rows, 1_000)).toMatchObject({ since: 940, pulse: [] });
  });

  test("takes back a trade that a fork undid", () => {
    const market = traded(EMPTY_MARKET, newTrade(), 8, 100);
    expect(retracted(market, 8).tape).toEqual([]);
    expect(retracted(market, 9).tape).toBe(market.tape);
  });

  test("keeps a bounded number of tokens: the least recently changed one goes", () => {
    let market = EMPTY_MARKET;
    for (let seq = 1; seq <= 601; seq += 1)
      market = created(market, tokenCreated({ mint: `m${seq}` }), seq, 0);
    expect(market.tokens.size).toBe(600);
    expect(market.tokens.has("m1")).toBe(false);
  });

  test("does not let a completed token fall back on its curve", () => {
    let market = loaded(EMPTY_MARKET, [token(8)]);
    market = changed(market, MINT, (one) => atStage(one, "migrated"));
    market = changed(market, MINT, (one) => atStage(one, "completed"));
    expect(only(market)).toMatchObject({ stage: "migrated", progressBps: 10_000 });
  });
});

test("lists are ordered by age, by what is sold of the curve, or by when it was sold out", () => {
  const rows = [
    token(10, { mint: "old, busy", firstSeq: 1, progressBps: 500 }),
    token(9, { mint: "full", firstSeq: 2, progressBps: 10_000, stage: "completed", endedSlot: 5 }),
    token(8, { mint: "moved", firstSeq: 0, stage: "migrated", endedSlot: 7 }),
    token(3, { mint: "new", firstSeq: 3, progressBps: 9_000 }),
  ];
  const tokens = new Map(rows.map((row) => [row.mint, row]));
  const order = (by: Parameters<typeof ordered>[1]) => ordered(tokens, by).map(({ mint }) => mint);
  expect(order("new")).toEqual(["new", "full", "old, busy", "moved"]);
  expect(order("progress")).toEqual(["new", "old, busy"]);
  expect(order("graduated")).toEqual(["moved", "full"]);
});

test("a filter lets through what reaches every amount and is young enough", () => {
  const one = token(8, { marketCap: "40", volume: 5_000_000_000n, createdAt: 1_000, lastTradeAt: 1_010 });
  expect(passes(one, NO_FILTER, 2_000)).toBe(true);
  expect(passes(one, { minMarketCap: 40, minVolume: 5, maxAge: 1_000, isTradedOnly: true }, 2_000)).toBe(
    true,
  );
  expect(passes(one, { ...NO_FILTER, minMarketCap: 41 }, 2_000)).toBe(false);
  expect(passes(one, { ...NO_FILTER, minVolume: 5.1 }, 2_000)).toBe(false);
  expect(passes(one, { ...NO_FILTER, maxAge: 999 }, 2_000)).toBe(false);
  expect(passes({ ...one, lastTradeAt: null }, { ...NO_FILTER, isTradedOnly: true }, 2_000)).toBe(false);
});
