"use client";

import { memo, useEffect, useState } from "react";
import { amount } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { keyOf, type Trade } from "@/lib/trades";
import type { Unit } from "@/lib/units";
import { ExplorerLink, useExplorer, WalletLink } from "./links";
import { Age, amountIn, PriceIn, Side } from "./values";

const COLUMN = "truncate px-2 first:pl-4 last:pr-4";

/** Trades of one token. Columns of fixed widths: else every new number lays the whole table out anew. */
export function TradesTable({
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
  const first = useFirst(trades);
  const explorer = useExplorer();
  return (
    <table className="w-full table-fixed border-collapse text-right">
      <caption className="sr-only">Trades, newest first</caption>
      <thead className="border-b border-line text-xs text-faint">
        <tr className="[&>th]:h-9 [&>th]:font-normal">
          <th scope="col" className={`w-[15%] text-left sm:w-[11%] ${COLUMN}`}>
            Age
          </th>
          <th scope="col" className={`w-[14%] text-left sm:w-[10%] ${COLUMN}`}>
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
          <th scope="col" className={`w-11 ${COLUMN}`}>
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
            isFlashing={isCalm && trade.seq > first}
            explorer={explorer}
            isMe={me !== null && trade.wallet === me}
            isCreator={token?.creator != null && trade.wallet === token.creator}
          />
        ))}
      </tbody>
    </table>
  );
}

/** Position of the newest trade when there first were any: those have not just arrived. */
function useFirst(trades: readonly Trade[]): number {
  const [first, setFirst] = useState<number | null>(null);
  const newest = trades[0]?.seq;
  if (first === null && newest !== undefined) setFirst(newest);
  return first ?? newest ?? 0;
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
