"use client";

import type { ReactNode } from "react";
import { amount, compact, inWholeTokens, MISSING, percent, quoteOf } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import type { Trade } from "@/lib/trades";
import { Age, CopyKey, Progress } from "./values";

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="card px-4 pb-4 pt-3">
      <h2 className="mb-3 font-semibold">{title}</h2>
      {children}
    </section>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4">
      <dt className="text-muted">{name}</dt>
      <dd className="truncate text-right">{children}</dd>
    </div>
  );
}

const WHAT_NEXT = {
  curve: "When the curve is sold out, the liquidity moves to an exchange.",
  completed: "Sold out. Trading goes on when the liquidity is on the exchange.",
  migrated: "Sold out, and the liquidity is on the exchange.",
};

/** How far the curve is sold. */
export function CurveCard({ token }: { token: Token | null }) {
  const quote = quoteOf(token?.quoteMint ?? null);
  const stage = token?.stage ?? "curve";
  return (
    <Card title="Curve">
      <p className="mb-2 text-3xl font-semibold tracking-tight">
        {token?.progressBps == null ? MISSING : percent(token.progressBps)}
      </p>
      <Progress bps={token?.progressBps ?? null} stage={stage} isLarge />
      <dl className="mt-4 flex flex-col gap-2">
        <Line name="In the curve">
          {amount(token?.realQuote ?? null, quote.decimals)} {quote.symbol}
        </Line>
        <Line name="Left to buy">{amount(token?.realBase ?? null, token?.decimals ?? 6)}</Line>
      </dl>
      <p className="mt-3 text-[13px] leading-5 text-muted">{WHAT_NEXT[stage]}</p>
    </Card>
  );
}

const RECENT = 100;

/** Bought against sold, over the trades at hand. */
export function PressureCard({ trades }: { trades: readonly Trade[] }) {
  const recent = trades.slice(0, RECENT);
  const of = (side: Trade["side"]) => recent.filter((trade) => trade.side === side);
  const [buys, sells] = [of("buy"), of("sell")];
  const sum = (some: Trade[]) => some.reduce((total, trade) => total + BigInt(trade.quote), 0n);
  const [bought, sold] = [sum(buys), sum(sells)];
  const share = bought + sold === 0n ? 50 : Number((bought * 1000n) / (bought + sold)) / 10;
  const { decimals, symbol } = quoteOf(recent[0]?.quoteMint ?? null);
  const traders = new Set(recent.map((trade) => trade.wallet)).size;
  return (
    <Card title={`Last ${recent.length} trades`}>
      <div className="flex justify-between font-medium">
        <span className="text-buy">
          {buys.length} bought {amount(bought, decimals)}
        </span>
        <span className="text-sell">
          {sells.length} sold {amount(sold, decimals)}
        </span>
      </div>
      <div className="mt-2 flex h-1.5 gap-0.5 overflow-hidden rounded-full" aria-hidden="true">
        <div className="bg-buy transition-[width] duration-500" style={{ width: `${share}%` }} />
        <div className="flex-1 bg-sell" />
      </div>
      <p className="label mt-2">
        in {symbol}, by {traders} {traders === 1 ? "trader" : "traders"}
      </p>
    </Card>
  );
}

/** What does not change. */
export function DetailsCard({ mint, token }: { mint: string; token: Token | null }) {
  return (
    <Card title="About">
      <dl className="flex flex-col gap-2">
        <Line name="Created">
          <Age since={token?.createdAt ?? null} ago />
        </Line>
        <Line name="Launchpad">{token?.program ?? MISSING}</Line>
        <Line name="Supply">
          {token?.supply ? compact(Number(inWholeTokens(token.supply, token.decimals))) : MISSING}
        </Line>
        <Line name="Mint">
          <CopyKey value={mint} name="mint" />
        </Line>
        <Line name="Creator">
          {token?.creator ? <CopyKey value={token.creator} name="creator" /> : MISSING}
        </Line>
        <Line name="Pool">{token?.pool ? <CopyKey value={token.pool} name="pool" /> : MISSING}</Line>
      </dl>
    </Card>
  );
}
