"use client";

import dynamic from "next/dynamic";
import { useMemo } from "react";
import { type Bar, scaled } from "@/lib/candles";
import { quoteOf } from "@/lib/format";
import { INTERVALS, type Interval } from "@/lib/intervals";
import type { Mark } from "@/lib/marks";
import { useChoice } from "@/lib/settings";
import type { TokenPage } from "@/lib/tokenPage";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { Segmented } from "./Segmented";
import { UnitSwitch } from "./UnitSwitch";

const PriceChart = dynamic(() => import("./PriceChart"), { ssr: false });

const VIEWS = [
  ["price", "Price"],
  ["cap", "Market cap"],
] as const;

/** Whole tokens that there are; null where the supply is not known. */
function supplyOf(token: Token | null): number | null {
  return token?.supply ? Number(token.supply) / 10 ** token.decimals : null;
}

function useScaled(bars: readonly Bar[], token: Token | null, view: "price" | "cap", rate: number | null) {
  const supply = supplyOf(token);
  const factor = (view === "cap" && supply ? supply : 1) * (rate ?? 1);
  return useMemo(() => scaled(bars, factor, rate ?? 1), [bars, factor, rate]);
}

/** Candles and volume, in the reader's unit, with the marks of creator and reader. */
export function Chart({
  page,
  marks,
  interval,
  onInterval,
}: {
  page: TokenPage;
  marks: readonly Mark[];
  interval: Interval | null;
  onInterval: (interval: Interval) => void;
}) {
  const { token } = page;
  const [view, setView] = useChoice("chart", ["price", "cap"]);
  const { symbol } = quoteOf(token?.quoteMint ?? null);
  const usdRate = token?.usdRate ?? null;
  const { unit } = useUnit(symbol, usdRate);
  const bars = useScaled(page.bars, token, view, unit.rate);
  const name = VIEWS.find(([one]) => one === view)?.[1] ?? "Price";
  const label = `${name} of ${token?.symbol || "the token"} in ${unit.symbol}: ${bars.length} bars of ${interval ?? ""}`;
  return (
    <section aria-labelledby="chart" className="card overflow-hidden">
      <div className="flex min-h-12 flex-wrap items-center justify-between gap-x-3 gap-y-1.5 px-3 py-2">
        <h2 id="chart" className="sr-only">
          Chart
        </h2>
        <Segmented
          legend="Length of a bar"
          options={INTERVALS.map(([one]) => [one, one] as const)}
          value={interval ?? "1m"}
          onChange={onInterval}
          isSmall
        />
        <div className="flex gap-2">
          <Segmented legend="What is drawn" options={VIEWS} value={view} onChange={setView} isSmall />
          <UnitSwitch symbol={symbol} usdRate={usdRate} />
        </div>
      </div>
      <div className="h-[320px] px-1 pb-1 contain-strict sm:h-[400px]">
        {bars.length > 0 ? (
          <PriceChart
            bars={bars}
            marks={marks}
            intervalS={page.intervalS}
            view={`${view}${unit.symbol}`}
            label={label}
          />
        ) : (
          <p className="flex h-full items-center justify-center text-muted">
            {token?.trades === 0 && "The first trade starts the chart"}
          </p>
        )}
      </div>
    </section>
  );
}
