import { expect, test } from "vitest";
import { type AskForPage, extended, NONE } from "@/lib/older";
import { tradeOf } from "@/lib/trades";
import { newTrade } from "./samples";

const trade = (seq: number) => tradeOf(newTrade({ signature: `s${seq}` }), seq);
/** Trades `to` … `from`, newest first. */
const trades = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => trade(to - index));

/** A history of trades 1 … `count()`, in pages of ten, whose cursors are the oldest seq of the page before. */
function history(count: () => number): AskForPage {
  return async (cursor) => {
    const to = cursor === null ? count() : Number(cursor) - 1;
    const from = Math.max(1, to - 9);
    return { trades: trades(from, to), next: from === 1 ? null : String(from) };
  };
}

test("older trades continue those that are shown, each once, until the first", async () => {
  let count = 45;
  const shown = trades(31, 42); // three have come since, and are not older
  let older = NONE;
  while (older.status !== "end") {
    older = await extended(
      older,
      shown,
      history(() => count),
    );
    count += 7;
  }
  expect(older.trades.map(({ seq }) => seq)).toEqual(trades(1, 30).map(({ seq }) => seq));
});

test("one step brings at least one trade where there is one", async () => {
  const older = await extended(
    NONE,
    trades(21, 60),
    history(() => 60),
  );
  expect(older.trades.length).toBeGreaterThan(0);
  expect(older.trades[0]?.seq).toBe(20);
});
