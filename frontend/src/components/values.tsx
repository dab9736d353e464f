"use client";

/** Values as they stand in tables and cards. */

import { useState } from "react";
import { useNow } from "@/lib/clock";
import {
  age,
  change,
  compact,
  dollars,
  inWholeTokens,
  MISSING,
  PRICE_DECIMALS,
  percent,
  priceParts,
  quoteOf,
  shortKey,
} from "@/lib/format";
import type { Stage } from "@/lib/tokens";
import type { Unit } from "@/lib/units";

/** A price; the zeros of a tiny one are counted in a small digit, and read out in full. */
export function Price({ value }: { value: string | null }) {
  if (value === null) return <span className="text-faint">{MISSING}</span>;
  const { head, zeros, tail } = priceParts(value);
  if (!zeros) return <span title={value}>{head}</span>;
  return (
    <span title={value}>
      <span aria-hidden="true">
        {head}
        <sub className="mx-px text-[0.72em] leading-none">{zeros}</sub>
        {tail}
      </span>
      <span className="sr-only">{value}</span>
    </span>
  );
}

/** A price of the curve in the reader's unit. */
export function PriceIn({ value, unit }: { value: string | null; unit: Unit }) {
  if (value === null || unit.rate === null) return <Price value={value} />;
  return (
    <>
      $<Price value={(Number(value) * unit.rate).toFixed(PRICE_DECIMALS)} />
    </>
  );
}

/** An amount of base units of the quote token, in the reader's unit. */
export function amountIn(units: string | bigint | null, quoteMint: string | null, unit: Unit): string {
  if (units === null) return MISSING;
  const value = Number(inWholeTokens(units, quoteOf(quoteMint).decimals));
  return unit.rate === null ? compact(value) : dollars(value * unit.rate);
}

/** A number of whole quote tokens, such as a market cap, in the reader's unit. */
export function wholeIn(value: string | number | null, unit: Unit): string {
  if (value === null) return MISSING;
  return unit.rate === null ? compact(Number(value)) : dollars(Number(value) * unit.rate);
}

/** A profit or loss: signed, and coloured. */
export function Gain({
  units,
  quoteMint,
  unit,
}: {
  units: string | bigint | null;
  quoteMint: string | null;
  unit: Unit;
}) {
  if (units === null) return <span className="text-faint">{MISSING}</span>;
  const value = BigInt(units);
  const look = value > 0n ? "text-buy" : value < 0n ? "text-sell" : "text-muted";
  return (
    <span className={look}>
      {value > 0n ? "+" : ""}
      {amountIn(value, quoteMint, unit)}
    </span>
  );
}

/** A change in basis points: signed, and coloured. */
export function Change({ bps }: { bps: number | null }) {
  if (bps === null) return <span className="text-faint">{MISSING}</span>;
  const look = bps > 0 ? "text-buy" : bps < 0 ? "text-sell" : "text-muted";
  return <span className={look}>{change(bps)}</span>;
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** How long ago, ticking. */
export function Age({ since, ago = false }: { since: number | null; ago?: boolean }) {
  const now = useNow();
  if (since === null) return <span className="text-faint">{MISSING}</span>;
  const text = now ? age(Math.max(0, now - since)) : "";
  return (
    <time
      dateTime={new Date(since * 1000).toISOString()}
      title={MOMENT.format(since * 1000)}
      suppressHydrationWarning
    >
      {text}
      {ago && text && text !== "now" ? " ago" : ""}
    </time>
  );
}

export function Side({ side }: { side: "buy" | "sell" }) {
  return (
    <span className={`font-medium ${side === "buy" ? "text-buy" : "text-sell"}`}>
      {side === "buy" ? "Buy" : "Sell"}
    </span>
  );
}

const STAGES: Record<Stage, string> = {
  curve: "On its curve",
  completed: "Curve completed",
  migrated: "Migrated",
};

/** How much of the curve is sold. */
export function Progress({
  bps,
  stage,
  isLarge = false,
}: {
  bps: number | null;
  stage: Stage;
  isLarge?: boolean;
}) {
  const share = Math.min(10_000, bps ?? 0);
  return (
    <div
      role="progressbar"
      aria-label="Curve progress"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share / 100)}
      aria-valuetext={`${percent(share)}. ${STAGES[stage]}`}
      className={`w-full overflow-hidden rounded-full bg-raised ${isLarge ? "h-2.5" : "h-1.5"}`}
    >
      <div
        className={`h-full rounded-full ${stage === "curve" ? "bg-accent" : "bg-buy"}`}
        style={{ transform: `translateX(${Math.max(share / 100, share > 0 ? 1.5 : 0) - 100}%)` }}
      />
    </div>
  );
}

export function StageBadge({ stage }: { stage: Stage }) {
  if (stage === "curve") return null;
  const look = stage === "migrated" ? "bg-notice-soft text-notice" : "bg-buy-soft text-buy";
  return (
    <span className={`rounded-md px-1.5 py-0.5 text-xs font-medium ${look}`}>
      {stage === "migrated" ? "Migrated" : "Completed"}
    </span>
  );
}

/** A key by its ends, copied whole at a click. */
export function CopyKey({ value, name }: { value: string; name: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <button
      type="button"
      onClick={() => void copy()}
      title={value}
      className="inline-flex cursor-pointer items-center gap-1.5 rounded-md font-mono text-[13px] text-muted hover:text-text"
    >
      <span className="sr-only">
        {isCopied ? "Copied" : "Copy"} {name}
      </span>
      {shortKey(value)}
      <svg
        viewBox="0 0 16 16"
        className="size-3.5"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        aria-hidden="true"
      >
        {isCopied ? (
          <path d="M3 8.5l3.2 3L13 4.5" strokeLinecap="round" strokeLinejoin="round" />
        ) : (
          <>
            <rect x="5.5" y="5.5" width="8" height="8" rx="2" />
            <path d="M10.5 5.5V4a1.5 1.5 0 0 0-1.5-1.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" />
          </>
        )}
      </svg>
    </button>
  );
}
