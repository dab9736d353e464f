import { describe, expect, test } from "vitest";
import {
  charted,
  chartedFromTrades,
  EMPTY_PAGE,
  joined,
  loaded,
  priced,
  reached,
  retracted,
  traded,
} from "@/lib/tokenPage";
import { type Trade, tradeOf } from "@/lib/trades";
import { newTrade, token } from "./samples";

function row(seq: number, given = {}): Trade {
  return tradeOf(newTrade({ signature: `s${seq}`, ...given }), seq);
}

function bar(seq: number) {
  return { start: 960, open: 1, high: 1, low: 1, close: 1, volume: 1, trades: 1, seq };
}

describe("a token's page", () => {
  test("shows a trade of the feed in the table, the bars and the token", () => {
    const known = charted(loaded(EMPTY_PAGE, token(8), [row(8)]), { bars: [bar(8)], seq: 8 }, 60);
    const page = traded(known, newTrade({ signature: "s9", price: "2" }), 9);
    expect(page.trades.map(({ seq }) => seq)).toEqual([9, 8]);
    expect(page.bars).toMatchObject([{ close: 2, high: 2, trades: 2, seq: 9 }]);
    expect(page.token).toMatchObject({ price: "2", trades: 6, seq: 9 });
  });

  test("keeps what the feed said while the history and the bars were on their way", () => {
    let page = joined(EMPTY_PAGE, token(8), [row(8), row(7)]);
    page = traded(page, newTrade({ signature: "s9", price: "3" }), 9);
    page = loaded(page, token(8), [row(8), row(7), row(6)]);
    page = charted(page, { bars: [bar(8)], seq: 8 }, 60);
    expect(page.trades.map(({ seq }) => seq)).toEqual([9, 8, 7, 6]);
    expect(page.bars).toMatchObject([{ close: 3, trades: 2 }]);
    expect(page.token).toMatchObject({ price: "3", trades: 6 });
  });

  test("counts nothing twice that the history has already", () => {
    let page = joined(EMPTY_PAGE, token(8), [row(8)]);
    page = traded(page, newTrade({ signature: "s9" }), 9);
    page = loaded(page, token(9, { trades: 6 }), [row(9), row(8)]);
    page = charted(page, { bars: [bar(9)], seq: 9 }, 60);
    expect(page.trades).toHaveLength(2);
    expect(page.bars).toMatchObject([{ trades: 1 }]);
    expect(page.token?.trades).toBe(6);
  });

  test("draws the trades at hand where the API has no bars of that length", () => {
    const page = traded(
      traded(EMPTY_PAGE, newTrade({ block_time: 1_000 }), 1),
      newTrade({ ordinal: 1, block_time: 1_001 }),
      2,
    );
    expect(chartedFromTrades(page, 1)).toMatchObject({
      intervalS: 1,
      bars: [{ start: 1_000 }, { start: 1_001 }],
    });
  });

  test("keeps what only REST tells when the room's state comes without it", () => {
    const page = joined(loaded(EMPTY_PAGE, token(8, { holders: 12 }), []), token(9), []);
    expect(page.token).toMatchObject({ holders: 12, seq: 9 });
  });

  test("has two rows for two trades of one transaction", () => {
    let page = traded(EMPTY_PAGE, newTrade({ ordinal: 0 }), 1);
    page = traded(page, newTrade({ ordinal: 1 }), 2);
    expect(page.trades).toHaveLength(2);
  });

  test("takes back a trade that a fork undid, and shows the curve's end", () => {
    const page = reached(traded(loaded(EMPTY_PAGE, token(8), []), newTrade(), 9), "completed");
    expect(retracted(page, 9).trades).toEqual([]);
    expect(page.token).toMatchObject({ stage: "completed", progressBps: 10_000 });
  });
});

test("a trade is drawn with what the trader paid, and only if its price and time are known", () => {
  expect(priced(row(1, { user_quote_amount: "2500000000" }))).toEqual({
    seq: 1,
    time: 1_000,
    price: 3e-8,
    volume: 2.5,
  });
  expect(priced(row(1, { price: null }))).toBeNull();
  expect(priced(row(1, { block_time: null }))).toBeNull();
});
