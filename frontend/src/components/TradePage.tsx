"use client";

import { useSearchParams } from "next/navigation";
import { useEffect } from "react";
import { priceText } from "@/lib/format";
import { ApiError } from "@/lib/history";
import type { Token } from "@/lib/tokens";
import { useToken } from "@/lib/useToken";
import { Chart } from "./Chart";
import { Empty } from "./Empty";
import { RealTimeUpdates } from "./RealTimeUpdates";
import { CurveCard, DetailsCard, PressureCard } from "./TokenCards";
import { TokenHeader } from "./TokenHeader";

const MINT = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;

/** /trade?mint=…: one token, live. */
export function TradePage() {
  const mint = useSearchParams().get("mint") ?? "";
  if (!mint)
    return <Empty title="Which token?" text="This page needs a mint in its address: /trade?mint=…" />;
  if (!MINT.test(mint))
    return (
      <Empty
        title="This is no mint"
        text={`“${mint.slice(0, 60)}” is not an address of 32 bytes in base58.`}
      />
    );
  return <TokenView key={mint} mint={mint} />;
}

function TokenView({ mint }: { mint: string }) {
  const { page, error } = useToken(mint);
  const { token, trades } = page;
  useTitle(token);
  if (error && !token) return <Problem error={error} />;
  return (
    <div className="flex flex-col gap-4">
      <TokenHeader mint={mint} token={token} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Chart page={page} />
          <RealTimeUpdates trades={trades} token={token} />
        </div>
        <aside aria-label="About the token" className="flex flex-col gap-4 max-lg:order-first max-lg:hidden">
          <CurveCard token={token} />
          <PressureCard trades={trades} />
          <DetailsCard mint={mint} token={token} />
        </aside>
        <div className="flex flex-col gap-4 lg:hidden">
          <DetailsCard mint={mint} token={token} />
        </div>
      </div>
    </div>
  );
}

function Problem({ error }: { error: Error }) {
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Empty
        title="Not a token we know"
        text="No launchpad that is indexed here has created it, or it is not confirmed yet."
      />
    );
  }
  return <Empty title="The token could not be loaded" text={error.message} />;
}

/** Symbol and price where the browser's tab shows them. */
function useTitle(token: Token | null): void {
  const price = token?.price ?? null;
  const symbol = token?.symbol;
  useEffect(() => {
    if (symbol) document.title = `${symbol} ${priceText(price)} SOL · curvefeed`;
  }, [symbol, price]);
}
