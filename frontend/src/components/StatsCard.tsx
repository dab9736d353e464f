"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { retry } from "@/lib/api";
import { MISSING, quoteOf } from "@/lib/format";
import { type Figures, fetchStats, WINDOWS, type WindowName } from "@/lib/stats";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { amountIn, Change } from "./values";

const AGAIN_MS = 5_000;

/** Change, volume, buys and sells of four windows of time. */
export function StatsCard({ mint, token }: { mint: string; token: Token | null }) {
  const [chosen, setChosen] = useState<WindowName>("5m");
  const { data } = useQuery({
    queryKey: ["stats", mint],
    queryFn: ({ signal }) => fetchStats(mint, signal),
    enabled: token !== null,
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
    retry,
  });
  return (
    <section aria-label="Windows of time" className="card overflow-hidden">
      <h2 className="sr-only">Windows of time</h2>
      <div className="grid grid-cols-4 border-b border-line">
        {WINDOWS.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={chosen === name}
            onClick={() => setChosen(name)}
            className="flex cursor-pointer flex-col items-center border-r border-line py-2.5 last:border-0 hover:bg-raised/60 focus-visible:-outline-offset-2 aria-pressed:bg-raised"
          >
            <span className="label">{name}</span>
            <span className="font-semibold">
              <Change bps={data?.[name]?.changeBps ?? null} />
            </span>
          </button>
        ))}
      </div>
      <Window figures={data?.[chosen] ?? null} token={token} />
    </section>
  );
}

function Window({ figures, token }: { figures: Figures | null; token: Token | null }) {
  const quote = quoteOf(token?.quoteMint ?? null);
  const { unit } = useUnit(quote.symbol, token?.usdRate ?? null);
  const all = (figures?.buys ?? 0) + (figures?.sells ?? 0);
  const share = all ? (100 * (figures?.buys ?? 0)) / all : 50;
  return (
    <div className="px-4 pb-4 pt-3">
      <dl className="grid grid-cols-3 gap-x-3">
        <Cell name={`Volume, ${unit.symbol}`}>
          {amountIn(figures?.volume ?? null, token?.quoteMint ?? null, unit)}
        </Cell>
        <Cell name="Buys" detail={figures ? people(figures.buyers, "buyer") : null}>
          <span className="text-buy">{figures?.buys ?? MISSING}</span>
        </Cell>
        <Cell name="Sells" detail={figures ? people(figures.sellers, "seller") : null}>
          <span className="text-sell">{figures?.sells ?? MISSING}</span>
        </Cell>
      </dl>
      <div
        className={`mt-3 h-1.5 overflow-hidden rounded-full bg-sell ${all ? "" : "opacity-30"}`}
        aria-hidden="true"
      >
        <div
          className="h-full border-r-2 border-surface bg-buy"
          style={{ transform: `translateX(${share - 100}%)` }}
        />
      </div>
    </div>
  );
}

function people(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

function Cell({
  name,
  detail,
  children,
}: {
  name: string;
  detail?: string | null;
  children: React.ReactNode;
}) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="font-semibold">{children}</dd>
      {detail && <dd className="label">{detail}</dd>}
    </div>
  );
}
