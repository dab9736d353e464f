"use client";

import { type ReactNode, useState } from "react";
import { useNow } from "@/lib/clock";
import { count, MISSING, quoteOf, shortKey } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { useHolders, useMetadata } from "@/lib/useFacts";
import { Avatar } from "./Avatar";
import { Socials } from "./Socials";
import { Age, amountIn, CopyKey, PriceIn, Progress, StageBadge, wholeIn } from "./values";

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-col-reverse">
      <dt className="label whitespace-nowrap">{name}</dt>
      <dd className="whitespace-nowrap text-base font-semibold sm:text-lg">{children}</dd>
    </div>
  );
}

/** Changes within a second that a reader can follow one by one. */
const CALM_CHANGES = 2;

/** Whether this number changes seldom enough to flash: else it would without end, and say nothing. */
function useIsCalm(seq: number): boolean {
  const second = useNow();
  const [at, setAt] = useState({ second, seq, changes: 0, isCalm: true });
  if (second !== at.second) setAt({ second, seq, changes: 0, isCalm: at.changes <= CALM_CHANGES });
  else if (seq !== at.seq) setAt({ ...at, seq, changes: at.changes + 1 });
  return at.isCalm && at.changes <= CALM_CHANGES;
}

/** Who it is, and the numbers one looks for first. */
export function TokenHeader({ mint, token }: { mint: string; token: Token | null }) {
  const quote = quoteOf(token?.quoteMint ?? null);
  const { unit } = useUnit(quote.symbol, token?.usdRate ?? null);
  const { data } = useHolders(mint, token !== null);
  const metadata = useMetadata(mint, token !== null);
  const holders = data?.holders ?? token?.holders;
  const isCalm = useIsCalm(token?.seq ?? 0);
  const trend = !token?.trend || !isCalm ? "" : token.trend > 0 ? "flash bg-buy-soft" : "flash bg-sell-soft";
  return (
    <section
      aria-label="Token"
      className="card flex flex-wrap items-center gap-x-10 gap-y-4 px-4 py-4 sm:px-5"
    >
      <div className="flex min-w-0 items-center gap-3.5">
        <Avatar mint={mint} image={token?.image ?? null} size={48} />
        <div className="min-w-0">
          <div className="flex items-center gap-2.5">
            <h1 className="truncate text-xl font-semibold tracking-tight">
              {token ? token.symbol || shortKey(mint) : <span className="sr-only">Loading the token</span>}
              {!token && <span aria-hidden="true">&nbsp;</span>}
            </h1>
            {token && <StageBadge stage={token.stage} />}
          </div>
          <div className="flex h-5 items-center gap-2.5 text-muted">
            <span className="truncate">{token?.name}</span>
            <CopyKey value={mint} name="mint" />
            <Socials metadata={metadata} />
          </div>
        </div>
      </div>
      <dl className="grid w-full grid-cols-3 gap-x-8 gap-y-3 sm:flex sm:w-auto sm:gap-x-9 lg:ml-auto">
        <Figure name={`Price, ${unit.symbol}`}>
          <span data-price={token?.price ?? undefined} className="relative isolate">
            <span key={token?.seq} aria-hidden="true" className={`absolute inset-0 -z-10 rounded ${trend}`} />
            <PriceIn value={token?.price ?? null} unit={unit} />
          </span>
        </Figure>
        <Figure name={`Market cap, ${unit.symbol}`}>{wholeIn(token?.marketCap ?? null, unit)}</Figure>
        <Figure name={`Volume, ${unit.symbol}`}>
          {amountIn(token?.volume ?? null, token?.quoteMint ?? null, unit)}
        </Figure>
        <Figure name="Trades">{token ? count(token.trades) : MISSING}</Figure>
        <Figure name="Holders">{holders == null ? MISSING : count(holders)}</Figure>
        <Figure name="Age">
          <Age since={token?.createdAt ?? null} />
        </Figure>
      </dl>
      <div className="w-full lg:hidden">
        <Progress bps={token?.progressBps ?? null} stage={token?.stage ?? "curve"} isLarge />
      </div>
    </section>
  );
}
