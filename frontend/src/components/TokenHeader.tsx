"use client";

import type { ReactNode } from "react";
import { amount, compact, MISSING, percent, quoteOf, shortKey } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { Avatar } from "./Avatar";
import { Age, CopyKey, Price, Progress, StageBadge } from "./values";

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="label whitespace-nowrap">{name}</dt>
      <dd className="text-base font-semibold sm:text-lg">{children}</dd>
    </div>
  );
}

/** Who it is, and the numbers one looks for first. */
export function TokenHeader({ mint, token }: { mint: string; token: Token | null }) {
  const quote = quoteOf(token?.quoteMint ?? null);
  const trend = !token?.trend ? "" : token.trend > 0 ? "animate-flash-buy" : "animate-flash-sell";
  return (
    <section
      aria-label="Token"
      className="card flex flex-wrap items-center gap-x-10 gap-y-4 px-4 py-4 sm:px-5"
    >
      <div className="flex min-w-0 items-center gap-3.5">
        <Avatar mint={mint} size={48} />
        <div className="min-w-0">
          <div className="flex items-center gap-2.5">
            <h1 className="truncate text-xl font-semibold tracking-tight">
              {token ? token.symbol || shortKey(mint) : " "}
            </h1>
            {token && <StageBadge stage={token.stage} />}
          </div>
          <div className="flex items-center gap-2.5 text-muted">
            <span className="truncate">{token?.name}</span>
            <CopyKey value={mint} name="mint" />
          </div>
        </div>
      </div>
      <dl className="grid w-full grid-cols-3 gap-x-8 gap-y-3 sm:flex sm:w-auto sm:gap-x-10 lg:ml-auto">
        <Figure name={`Price, ${quote.symbol}`}>
          <span key={token?.seq} className={`rounded ${trend}`}>
            <Price value={token?.price ?? null} />
          </span>
        </Figure>
        <Figure name={`Market cap, ${quote.symbol}`}>
          {token?.marketCap ? compact(Number(token.marketCap)) : MISSING}
        </Figure>
        <Figure name={`Volume, ${quote.symbol}`}>
          {token ? amount(token.volume, quote.decimals) : MISSING}
        </Figure>
        <Figure name="Trades">{token ? token.trades.toLocaleString("en-US") : MISSING}</Figure>
        <Figure name="Age">
          <Age since={token?.createdAt ?? null} />
        </Figure>
        <div className="flex flex-col-reverse lg:hidden">
          <dt className="label">Curve</dt>
          <dd className="text-base font-semibold sm:text-lg">
            {token?.progressBps == null ? MISSING : percent(token.progressBps)}
          </dd>
        </div>
      </dl>
      <div className="w-full lg:hidden">
        <Progress bps={token?.progressBps ?? null} stage={token?.stage ?? "curve"} isLarge />
      </div>
    </section>
  );
}
