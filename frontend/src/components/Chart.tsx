"use client";

import dynamic from "next/dynamic";
import { useMemo, useState } from "react";
import { type Bar, barsOf } from "@/lib/candles";
import { priceText } from "@/lib/format";
import { priced, type TokenPage } from "@/lib/tokenPage";
import type { Token } from "@/lib/tokens";

const PriceChart = dynamic(() => import("./PriceChart"), { ssr: false });

const MINUTE_S = 60;
const INTERVALS: [seconds: number, name: string][] = [
  [1, "1s"],
  [5, "5s"],
  [15, "15s"],
  [MINUTE_S, "1m"],
];
const GOOD_COUNT = 90;

/** Bars below a minute are folded here, from the trades at hand. */
function barsFor(page: TokenPage, intervalS: number): readonly Bar[] {
  if (intervalS === MINUTE_S) return page.minutes;
  return barsOf(
    page.trades.toReversed().flatMap((trade) => priced(trade) ?? []),
    intervalS,
  );
}

/** Fine bars for a token that is minutes old, so that its chart is more than three candles. */
function fitting({ createdAt, lastTradeAt }: Token): number {
  const life =
    createdAt === null || lastTradeAt === null ? Number.POSITIVE_INFINITY : lastTradeAt - createdAt;
  return INTERVALS.find(([seconds]) => life / seconds <= GOOD_COUNT)?.[0] ?? MINUTE_S;
}

export function Chart({ page }: { page: TokenPage }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const [fitted, setFitted] = useState<number | null>(null);
  if (fitted === null && page.token) setFitted(fitting(page.token));
  const intervalS = chosen ?? fitted ?? MINUTE_S;
  const bars = useMemo(() => barsFor(page, intervalS), [page, intervalS]);
  const name = INTERVALS.find(([seconds]) => seconds === intervalS)?.[1];
  const symbol = page.token?.symbol ?? "the token";
  return (
    <section aria-labelledby="chart" className="card overflow-hidden">
      <div className="flex h-12 items-center justify-between gap-4 px-4">
        <h2 id="chart" className="font-semibold">
          Price <span className="font-normal text-faint">in SOL</span>
        </h2>
        <fieldset className="flex gap-0.5">
          <legend className="sr-only">Length of a bar</legend>
          {INTERVALS.map(([seconds, name]) => (
            <label
              key={seconds}
              className="cursor-pointer rounded-md px-2.5 py-1 text-[13px] font-medium text-muted hover:text-text has-checked:bg-raised has-checked:text-text has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="interval"
                checked={intervalS === seconds}
                onChange={() => setChosen(seconds)}
                className="sr-only"
              />
              {name}
            </label>
          ))}
        </fieldset>
      </div>
      <div className="h-[320px] px-1 pb-1 sm:h-[390px]">
        {bars.length > 0 ? (
          <PriceChart
            bars={bars}
            intervalS={intervalS}
            label={`Price of ${symbol}, ${bars.length} bars of ${name}; now ${priceText(page.token?.price ?? null)} SOL`}
          />
        ) : (
          <p className="flex h-full items-center justify-center text-muted">
            {page.token?.trades === 0 && "The first trade starts the chart"}
          </p>
        )}
      </div>
    </section>
  );
}
