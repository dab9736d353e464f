"use client";

import Link from "next/link";
import { amount, quoteOf, shortKey } from "@/lib/format";
import type { Market } from "@/lib/market";
import type { Tokens } from "@/lib/tokens";
import { keyOf, type Trade } from "@/lib/trades";
import { Avatar } from "./Avatar";
import { Age, Side } from "./values";

const SHOWN = 16;

/** Every trade of every token as it happens: a column beside the tokens, a strip above them on a phone. */
export function TradeTape({ market }: { market: Market }) {
  return (
    <section aria-labelledby="tape" className="min-w-0 lg:order-last lg:row-span-2">
      <div className="lg:card lg:sticky lg:top-[72px] lg:overflow-hidden">
        <h2
          id="tape"
          className="sr-only font-medium lg:not-sr-only lg:flex lg:h-12 lg:items-center lg:border-b lg:border-line lg:px-4"
        >
          Live trades
        </h2>
        {market.tape.length === 0 ? (
          <p className="card px-4 py-4 text-center text-muted lg:border-0 lg:py-10 lg:shadow-none">
            Waiting for the next trade
          </p>
        ) : (
          <ol
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a strip that scrolls is reached by the keyboard
            tabIndex={0}
            aria-labelledby="tape"
            className="flex gap-2 overflow-x-auto pb-1 lg:flex-col lg:gap-0 lg:overflow-visible lg:pb-0"
          >
            {market.tape.slice(0, SHOWN).map((trade) => (
              <Item key={keyOf(trade)} trade={trade} tokens={market.tokens} />
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}

function Item({ trade, tokens }: { trade: Trade; tokens: Tokens }) {
  const token = tokens.get(trade.mint);
  const symbol = token?.symbol || shortKey(trade.mint);
  const flash = trade.side === "buy" ? "animate-flash-buy" : "animate-flash-sell";
  return (
    <li
      data-signature={trade.signature}
      data-side={trade.side}
      className={`relative flex shrink-0 items-center gap-2.5 rounded-xl border border-line bg-surface px-3 py-2 hover:bg-raised/60 lg:h-[52px] lg:rounded-none lg:border-0 lg:border-b lg:border-line/60 lg:bg-transparent lg:px-4 lg:py-0 lg:last:border-0 ${flash}`}
    >
      <Avatar mint={trade.mint} image={token?.image ?? null} size={28} />
      <div className="min-w-0 lg:flex-1">
        <Link
          href={`/trade/?mint=${trade.mint}`}
          prefetch={false}
          className="block truncate font-medium after:absolute after:inset-0 after:content-['']"
        >
          {symbol}
        </Link>
        <span className="hidden font-mono text-xs text-faint lg:block">
          {trade.wallet ? shortKey(trade.wallet) : ""}
        </span>
      </div>
      <div className="whitespace-nowrap text-right">
        <div>
          <Side side={trade.side} /> {amount(trade.quote, quoteOf(trade.quoteMint).decimals)} SOL
        </div>
        <div className="label hidden lg:block">
          <Age since={trade.time} ago />
        </div>
      </div>
    </li>
  );
}
