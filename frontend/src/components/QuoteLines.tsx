"use client";

import { amount, MISSING, percent, quoteOf } from "@/lib/format";
import type { Token } from "@/lib/tokens";
import type { Quote } from "@/lib/trading";
import { Line } from "./Card";

/** From here on an impact is shown in red. */
const HIGH_IMPACT_BPS = 500;

/** What the order would do. Always as high as when it is full, so that nothing jumps when the quote comes. */
export function QuoteLines({ quote, token }: { quote: Quote | null; token: Token | null }) {
  const { symbol, decimals } = quoteOf(token?.quoteMint ?? null);
  const isBuy = quote?.side !== "sell";
  const inQuote = (units: string | bigint | null | undefined) =>
    units == null ? MISSING : `${amount(units, decimals)} ${symbol}`;
  const inBase = (units: string | undefined) =>
    units === undefined ? MISSING : `${amount(units, token?.decimals ?? 6)} ${token?.symbol ?? ""}`;
  const fees = quote && Object.values(quote.fees).reduce((sum, fee) => sum + BigInt(fee), 0n);
  const rent =
    quote &&
    BigInt(quote.wallet_costs.token_account_rent ?? 0) + BigInt(quote.wallet_costs.creator_vault_rent ?? 0);
  const network = quote && BigInt(quote.wallet_costs.network_fee) + (rent ?? 0n);
  return (
    <dl
      data-quote={quote ? quote.base_amount : undefined}
      className="flex flex-col gap-1.5 rounded-lg bg-raised/60 px-3 py-2.5 text-[13px]"
    >
      <Line name="You receive">
        <span className="font-semibold">
          {isBuy ? inBase(quote?.base_amount) : inQuote(quote?.user_quote_amount)}
        </span>
      </Line>
      <Line name={isBuy ? "You pay" : "At least"}>
        {isBuy ? inQuote(quote?.user_quote_amount) : inQuote(quote?.limit)}
      </Line>
      {isBuy && <Line name="At most">{inQuote(quote?.limit)}</Line>}
      <Line name="Price impact">
        <span className={(quote?.price_impact_bps ?? 0) >= HIGH_IMPACT_BPS ? "text-sell" : ""}>
          {quote ? percent(quote.price_impact_bps) : MISSING}
        </span>
      </Line>
      <Line name="Fees of the launchpad">{inQuote(fees)}</Line>
      <Line name={rent ? "Network and account" : "Network"}>{inQuote(network)}</Line>
      {!isBuy && <div className="h-5" />}
      {quote?.is_capped && (
        <p className="text-accent-strong">The curve has no more left: this completes it.</p>
      )}
    </dl>
  );
}
