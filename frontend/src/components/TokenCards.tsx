"use client";

import { amount, compact, inWholeTokens, MISSING, percent, quoteOf } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { useHolders, useMetadata } from "@/lib/useFacts";
import { Card, Line } from "./Card";
import { WalletLink } from "./links";
import { Age, amountIn, CopyKey, Progress } from "./values";

const WHAT_NEXT = {
  curve: "When the curve is sold out, the liquidity moves to an exchange.",
  completed: "Sold out. Trading goes on when the liquidity is on the exchange.",
  migrated: "Sold out, and the liquidity is on the exchange.",
};

/** How far the curve is sold. */
export function CurveCard({ token }: { token: Token | null }) {
  const quote = quoteOf(token?.quoteMint ?? null);
  const { unit } = useUnit(quote.symbol, token?.usdRate ?? null);
  const stage = token?.stage ?? "curve";
  return (
    <Card
      title="Curve"
      aside={
        <span className="text-lg font-semibold tracking-tight">
          {token?.progressBps == null ? MISSING : percent(token.progressBps)}
        </span>
      }
    >
      <Progress bps={token?.progressBps ?? null} stage={stage} isLarge />
      <dl className="mt-4 flex flex-col gap-2">
        <Line name="In the curve">
          {amountIn(token?.realQuote ?? null, token?.quoteMint ?? null, unit)} {unit.symbol}
        </Line>
        <Line name="Left to buy">{amount(token?.realBase ?? null, token?.decimals ?? 6)}</Line>
      </dl>
      <p className="mt-3 text-[13px] leading-5 text-muted">{WHAT_NEXT[stage]}</p>
    </Card>
  );
}

/** What does not change. */
export function DetailsCard({ mint, token }: { mint: string; token: Token | null }) {
  const { data: holders } = useHolders(mint, token !== null);
  const metadata = useMetadata(mint, token !== null);
  return (
    <Card title="About">
      {metadata?.description && (
        <p className="mb-3 line-clamp-4 text-[13px] leading-5 text-muted">{metadata.description}</p>
      )}
      <dl className="flex flex-col gap-2">
        <Line name="Created">
          <Age since={token?.createdAt ?? null} ago />
        </Line>
        <Line name="Launchpad">{token?.program ?? MISSING}</Line>
        <Line name="Supply">
          {token?.supply ? compact(Number(inWholeTokens(token.supply, token.decimals))) : MISSING}
        </Line>
        <Line name="Top 10 hold">{holders?.top10_bps == null ? MISSING : percent(holders.top10_bps)}</Line>
        <Line name="Creator">{token?.creator ? <WalletLink address={token.creator} /> : MISSING}</Line>
        <Line name="Mint">
          <CopyKey value={mint} name="mint" />
        </Line>
        <Line name="Curve">{token?.pool ? <CopyKey value={token.pool} name="curve" /> : MISSING}</Line>
        <Line name="Exchange pool">
          {token?.ammPool ? <CopyKey value={token.ammPool} name="exchange pool" /> : MISSING}
        </Line>
      </dl>
    </Card>
  );
}
