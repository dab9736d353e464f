"use client";

import { memo, useEffect, useState } from "react";
import { amount, quoteOf } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { keyOf, type Trade } from "@/lib/trades";
import { type Unit, useUnit } from "@/lib/units";
import { ExplorerLink, useExplorer, WalletLink } from "./links";
import { Age, amountIn, PriceIn, Side } from "./values";

const SHOWN = 40;
const COLUMN = "px-2 first:pl-4 last:pr-4";
/** Whole quote tokens. */
const SIZES = ["0", "0.1", "0.5", "1", "5"] as const;

/** Those of at least `least` whole quote tokens. */
export function ofSize(trades: readonly Trade[], least: number): readonly Trade[] {
  if (least === 0) return trades;
  return trades.filter(({ quote, quoteMint }) => Number(quote) >= least * 10 ** quoteOf(quoteMint).decimals);
}

/**
 * Trades of one token, live: newest first, the side coloured and worded. They hold still under the pointer and
 * the keyboard's focus, and say how many wait.
 */
export function RealTimeUpdates({
  trades,
  token,
  me = null,
}: {
  trades: readonly Trade[];
  token: Token | null;
  me?: string | null;
}) {
  const [least, setLeast] = useState("0");
  const [held, setHeld] = useState<readonly Trade[] | null>(null);
  const hold = () => setHeld((now) => now ?? trades);
  const all = ofSize(held ?? trades, Number(least));
  const newest = held?.[0]?.seq ?? Number.POSITIVE_INFINITY;
  const waiting = held ? ofSize(trades, Number(least)).filter(({ seq }) => seq > newest).length : 0;
  const { symbol } = quoteOf(token?.quoteMint ?? null);
  const { unit } = useUnit(symbol, token?.usdRate ?? null);
  return (
    <div className="relative">
      <SizeFilter
        value={least}
        symbol={symbol}
        onChange={setLeast}
        waiting={waiting}
        isHeld={held !== null}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it only waits while one looks */}
      <div
        className="overflow-x-auto max-lg:max-h-[560px] max-lg:overflow-y-auto"
        onPointerEnter={(event) => event.pointerType === "mouse" && hold()}
        onPointerLeave={() => setHeld(null)}
        onFocus={hold}
        onBlur={({ currentTarget, relatedTarget }) => {
          if (!currentTarget.contains(relatedTarget)) setHeld(null);
        }}
      >
        <Table trades={all.slice(0, SHOWN)} token={token} unit={unit} me={me} />
        {all.length === 0 && (
          <p className="px-4 py-10 text-center text-muted">
            {trades.length === 0
              ? "No trades yet. The next one appears here by itself."
              : "No trade of that size lately."}
          </p>
        )}
      </div>
    </div>
  );
}

function SizeFilter(props: {
  value: string;
  symbol: string;
  onChange: (value: string) => void;
  waiting: number;
  isHeld: boolean;
}) {
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
        {props.isHeld ? `Paused while you look · ${props.waiting} new` : "Newest first"}
      </span>
    </div>
  );
}

function Table({
  trades,
  token,
  unit,
  me,
}: {
  trades: readonly Trade[];
  token: Token | null;
  unit: Unit;
  me: string | null;
}) {
  const decimals = token?.decimals ?? 6;
  const isCalm = useCalm(trades);
  const explorer = useExplorer();
  return (
    <table className="w-full border-collapse text-right">
      <caption className="sr-only">Trades, newest first</caption>
      <thead className="border-b border-line text-xs text-faint">
        <tr className="[&>th]:h-9 [&>th]:font-normal">
          <th scope="col" className={`text-left ${COLUMN}`}>
            Age
          </th>
          <th scope="col" className={`text-left ${COLUMN}`}>
            Side
          </th>
          <th scope="col" className={COLUMN}>
            {unit.symbol}
          </th>
          <th scope="col" className={COLUMN}>
            {token?.symbol || "Tokens"}
          </th>
          <th scope="col" className={`hidden sm:table-cell ${COLUMN}`}>
            Price, {unit.symbol}
          </th>
          <th scope="col" className={COLUMN}>
            Trader
          </th>
          <th scope="col" className={`w-8 ${COLUMN}`}>
            <span className="sr-only">Transaction</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {trades.map((trade, index) => (
          <Row
            // In a flood the rows stay and get other trades: making new ones is what costs.
            key={isCalm ? keyOf(trade) : index}
            trade={trade}
            decimals={decimals}
            rate={unit.rate}
            isFlashing={isCalm}
            explorer={explorer}
            isMe={me !== null && trade.wallet === me}
            isCreator={token?.creator != null && trade.wallet === token.creator}
          />
        ))}
      </tbody>
    </table>
  );
}

/** More new rows at once than this are a flood. */
const FLOOD = 12;
const CALM_AFTER_MS = 3_000;

/** Whether trades come so slowly that a reader can follow each: then rows are made, and flash, one by one. */
function useCalm(trades: readonly Trade[]): boolean {
  const [newest, setNewest] = useState(0);
  const [isCalm, setCalm] = useState(true);
  const seq = trades[0]?.seq ?? 0;
  if (seq !== newest) {
    const arrived = newest === 0 ? 0 : trades.findIndex((trade) => trade.seq <= newest);
    if (arrived < 0 || arrived > FLOOD) setCalm(false);
    setNewest(seq);
  }
  useEffect(() => {
    if (isCalm) return;
    const timer = setTimeout(() => setCalm(true), CALM_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isCalm]);
  return isCalm;
}

const Row = memo(function Row({
  trade,
  decimals,
  rate,
  isFlashing,
  explorer,
  isMe,
  isCreator,
}: {
  trade: Trade;
  decimals: number;
  rate: number | null;
  isFlashing: boolean;
  explorer: string;
  isMe: boolean;
  isCreator: boolean;
}) {
  const [flashes] = useState(isFlashing);
  const isBuy = trade.side === "buy";
  const look = flashes ? (isBuy ? "animate-flash-buy" : "animate-flash-sell") : "";
  const unit = { symbol: "", rate };
  const dollars = rate !== null && trade.usd !== null ? Number(trade.usd) : null;
  return (
    <tr
      data-signature={trade.signature}
      data-side={trade.side}
      data-mine={isMe || undefined}
      className={`h-9 border-b border-line/50 last:border-0 hover:bg-raised/60 ${isMe ? "bg-notice-soft/40" : ""} ${look}`}
    >
      <td className={`text-left text-muted ${COLUMN}`}>
        <Age since={trade.time} />
      </td>
      <td className={`text-left ${COLUMN}`}>
        <Side side={trade.side} />
      </td>
      <td
        className={`${COLUMN} ${isBuy ? "text-buy" : "text-sell"}`}
        title={dollars === null ? undefined : "At the time of the trade"}
      >
        {dollars === null ? amountIn(trade.quote, trade.quoteMint, unit) : `$${dollars.toFixed(2)}`}
      </td>
      <td className={COLUMN}>{amount(trade.base, decimals)}</td>
      <td className={`hidden text-muted sm:table-cell ${COLUMN}`}>
        <PriceIn value={trade.price} unit={unit} />
      </td>
      <td className={COLUMN}>
        {trade.wallet && <WalletLink address={trade.wallet} isMe={isMe} isCreator={isCreator} />}
      </td>
      <td className={COLUMN}>
        <ExplorerLink signature={trade.signature} query={explorer} />
      </td>
    </tr>
  );
});
