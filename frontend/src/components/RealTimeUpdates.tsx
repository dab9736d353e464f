"use client";

import { useEffect, useState } from "react";
import { quoteOf } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import type { Trade } from "@/lib/trades";
import { useUnit } from "@/lib/units";
import { useOlder } from "@/lib/useOlder";
import { TradesTable } from "./TradesTable";

/** Rows that follow the feed: about a screen. Each costs time with every trade. */
const LIVE_ROWS = 24;
/** Those that are made at once when trades first come; the others right after. */
const FIRST_ROWS = 10;
const MORE_ROWS = 100;
/** Whole quote tokens. */
const SIZES = ["0", "0.1", "0.5", "1", "5"] as const;

/** Those of at least `least` whole quote tokens. */
export function ofSize(trades: readonly Trade[], least: number): readonly Trade[] {
  if (least === 0) return trades;
  return trades.filter(({ quote, quoteMint }) => Number(quote) >= least * 10 ** quoteOf(quoteMint).decimals);
}

/**
 * Trades of one token, live: newest first, the side coloured and worded. They hold still under the pointer and
 * the keyboard's focus, and say how many wait. Who asks for older ones reads in peace until they go back.
 */
export function RealTimeUpdates({
  mint,
  trades,
  token,
  me = null,
}: {
  mint: string;
  trades: readonly Trade[];
  token: Token | null;
  me?: string | null;
}) {
  const [least, setLeast] = useState("0");
  const [held, setHeld] = useState<readonly Trade[] | null>(null);
  const [rows, setRows] = useState(LIVE_ROWS);
  const older = useOlder(mint);
  const hasFirst = useSoon(trades.length > 0);
  const isReading = rows > LIVE_ROWS;
  const hold = () => setHeld((now) => now ?? trades);
  const release = () => isReading || setHeld(null);
  const all = ofSize([...(held ?? trades), ...older.trades], Number(least));
  const newest = held?.[0]?.seq ?? Number.POSITIVE_INFINITY;
  const waiting = held ? ofSize(trades, Number(least)).filter(({ seq }) => seq > newest).length : 0;
  const { symbol } = quoteOf(token?.quoteMint ?? null);
  const { unit } = useUnit(symbol, token?.usdRate ?? null);
  const showOlder = () => {
    hold();
    setRows(rows + MORE_ROWS);
    if (all.length < rows + MORE_ROWS) void older.load(held ?? trades);
  };
  const showNewest = () => {
    setHeld(null);
    setRows(LIVE_ROWS);
    older.forget();
  };
  return (
    <div className="relative">
      <SizeFilter
        value={least}
        symbol={symbol}
        onChange={setLeast}
        waiting={waiting}
        isHeld={held !== null}
        onNewest={isReading ? showNewest : null}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only waits while one looks */}
      <div
        className="overflow-x-auto contain-content max-lg:max-h-[560px] max-lg:overflow-y-auto"
        onPointerEnter={(event) => event.pointerType === "mouse" && hold()}
        onPointerLeave={release}
        onFocus={hold}
        onBlur={({ currentTarget, relatedTarget }) => {
          if (!currentTarget.contains(relatedTarget)) release();
        }}
      >
        <TradesTable trades={all.slice(0, hasFirst ? rows : FIRST_ROWS)} token={token} unit={unit} me={me} />
        {all.length === 0 && (
          <p className="px-4 py-10 text-center text-muted">
            {trades.length === 0
              ? "No trades yet. The next one appears here by itself."
              : "No trade of that size lately."}
          </p>
        )}
        {trades.length > 0 && (all.length > rows || older.status !== "end") && (
          <OlderButton status={older.status} onClick={showOlder} />
        )}
      </div>
    </div>
  );
}

const OLDER = { more: "Older trades", loading: "Loading…", end: "Older trades", failed: "Try again" };

function OlderButton({ status, onClick }: { status: keyof typeof OLDER; onClick: () => void }) {
  return (
    <button
      type="button"
      data-older={status}
      onClick={onClick}
      className="h-10 w-full cursor-pointer border-t border-line text-[13px] font-medium text-muted hover:bg-raised/60 hover:text-text focus-visible:-outline-offset-2"
    >
      {OLDER[status]}
    </button>
  );
}

function SizeFilter(props: {
  value: string;
  symbol: string;
  onChange: (value: string) => void;
  waiting: number;
  isHeld: boolean;
  /** Back to the live ones; null while they are there. */
  onNewest: (() => void) | null;
}) {
  const paused = `Paused while you look · ${props.waiting} new`;
  return (
    <div className="flex h-10 items-center justify-between gap-4 border-y border-line px-4 text-[13px]">
      <label className="flex items-center gap-2 text-muted">
        Size
        <select
          value={props.value}
          onChange={({ target }) => props.onChange(target.value)}
          className="cursor-pointer rounded-md border border-line bg-surface px-1.5 py-1 text-text"
        >
          {SIZES.map((size) => (
            <option key={size} value={size}>
              {size === "0" ? "all" : `from ${size} ${props.symbol}`}
            </option>
          ))}
        </select>
      </label>
      <span
        data-held={props.isHeld || undefined}
        className={props.isHeld ? "text-accent-strong" : "text-faint"}
      >
        {props.onNewest ? (
          <button
            type="button"
            onClick={props.onNewest}
            className="cursor-pointer font-medium hover:underline"
          >
            Back to the newest · {props.waiting} new
          </button>
        ) : (
          (props.isHeld && paused) || "Newest first"
        )}
      </span>
    </div>
  );
}

/** True a moment after `isDue`: what is made then is made in a task of its own. */
function useSoon(isDue: boolean): boolean {
  const [isNow, setNow] = useState(false);
  useEffect(() => {
    if (!isDue) return;
    const timer = setTimeout(() => setNow(true));
    return () => clearTimeout(timer);
  }, [isDue]);
  return isNow;
}
