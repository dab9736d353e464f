"use client";

import { memo } from "react";
import { amount, quoteOf, shortKey } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { keyOf, type Trade } from "@/lib/trades";
import { Age, Price, Side } from "./values";

const SHOWN = 50;
const COLUMN = "px-2 first:pl-4 last:pr-4";

/** Trades of one token, live: newest first, the side coloured and worded. */
export function RealTimeUpdates({ trades, token }: { trades: readonly Trade[]; token: Token | null }) {
  const decimals = token?.decimals ?? 6;
  return (
    <section aria-labelledby="trades" className="card overflow-hidden">
      <h2 id="trades" className="flex h-12 items-center px-4 font-semibold">
        Trades
      </h2>
      <div className="overflow-x-auto">
        <table className="w-full border-collapse text-right">
          <thead className="border-b border-line text-xs text-faint">
            <tr className="[&>th]:h-9 [&>th]:font-normal">
              <th scope="col" className={`text-left ${COLUMN}`}>
                Age
              </th>
              <th scope="col" className={`text-left ${COLUMN}`}>
                Side
              </th>
              <th scope="col" className={COLUMN}>
                SOL
              </th>
              <th scope="col" className={COLUMN}>
                {token?.symbol || "Tokens"}
              </th>
              <th scope="col" className={`hidden sm:table-cell ${COLUMN}`}>
                Price, SOL
              </th>
              <th scope="col" className={COLUMN}>
                Trader
              </th>
            </tr>
          </thead>
          <tbody>
            {trades.slice(0, SHOWN).map((trade) => (
              <Row key={keyOf(trade)} trade={trade} decimals={decimals} />
            ))}
          </tbody>
        </table>
        {trades.length === 0 && (
          <p className="px-4 py-10 text-center text-muted">
            No trades yet. The next one appears here by itself.
          </p>
        )}
      </div>
    </section>
  );
}

const Row = memo(function Row({ trade, decimals }: { trade: Trade; decimals: number }) {
  const isBuy = trade.side === "buy";
  return (
    <tr
      data-signature={trade.signature}
      data-side={trade.side}
      className={`h-9 border-b border-line/50 last:border-0 hover:bg-raised/60 ${isBuy ? "animate-flash-buy" : "animate-flash-sell"}`}
    >
      <td className={`text-left text-muted ${COLUMN}`}>
        <Age since={trade.time} />
      </td>
      <td className={`text-left ${COLUMN}`}>
        <Side side={trade.side} />
      </td>
      <td className={`${COLUMN} ${isBuy ? "text-buy" : "text-sell"}`}>
        {amount(trade.quote, quoteOf(trade.quoteMint).decimals)}
      </td>
      <td className={COLUMN}>{amount(trade.base, decimals)}</td>
      <td className={`hidden text-muted sm:table-cell ${COLUMN}`}>
        <Price value={trade.price} />
      </td>
      <td className={`font-mono text-[13px] text-muted ${COLUMN}`} title={trade.wallet ?? undefined}>
        {trade.wallet ? shortKey(trade.wallet) : ""}
      </td>
    </tr>
  );
});
