"use client";

import Link from "next/link";
import { memo, useState } from "react";
import { amount, compact, count, MISSING, percent, quoteOf, shortKey } from "@/lib/format";
import type { ListName } from "@/lib/history";
import type { Token, Tokens } from "@/lib/tokens";
import { Avatar } from "./Avatar";
import { Age, Change, Price, Progress, Side, StageBadge } from "./values";

const ROWS_SHOWN = 60;
const SKELETON_ROWS = 12;

/**
 * Tokens in an order that follows the feed, but holds still under the pointer or the keyboard's focus, so that
 * a row is not gone when one clicks on it. Values go on changing.
 */
export function TokenTable({
  tokens,
  rows,
  list,
  isLoading,
  nothing,
}: {
  tokens: Tokens;
  rows: readonly Token[];
  list: ListName;
  isLoading: boolean;
  nothing: string;
}) {
  const [held, setHeld] = useState<{ list: ListName; mints: readonly string[] } | null>(null);
  const fresh = rows.slice(0, ROWS_SHOWN);
  const still = held?.list === list ? held.mints : null;
  const shown = still ? still.flatMap((mint) => tokens.get(mint) ?? []) : fresh;
  const waiting = still ? fresh.filter((token) => !still.includes(token.mint)).length : 0;
  const hold = () =>
    setHeld((now) => (now?.list === list ? now : { list, mints: fresh.map(({ mint }) => mint) }));
  return (
    <>
      <table className="w-full table-fixed border-collapse border-t border-line text-right">
        <caption className="sr-only">Tokens, values as they arrive</caption>
        <thead>
          <tr className="border-b border-line text-xs text-faint [&>th]:h-10 [&>th]:px-2 [&>th]:font-normal">
            <th scope="col" className="w-auto pl-4! text-left">
              Token
              <span className="ml-2 text-accent-strong">
                {waiting > 0 && `${waiting} new, held while you look`}
              </span>
            </th>
            <th scope="col" className="hidden w-[64px] md:table-cell">
              Age
            </th>
            <th scope="col" className="hidden w-[112px] sm:table-cell">
              Price, SOL
            </th>
            <th scope="col" className="hidden w-[84px] lg:table-cell">
              1h
            </th>
            <th scope="col" className="w-[104px] pr-4! sm:w-[112px] sm:pr-2!">
              <span className="sm:hidden">Market cap</span>
              <span className="hidden sm:inline">Market cap, SOL</span>
            </th>
            <th scope="col" className="hidden w-[150px] sm:table-cell">
              Curve
            </th>
            <th scope="col" className="hidden w-[104px] xl:table-cell">
              Volume, SOL
            </th>
            <th scope="col" className="hidden w-[150px] pr-4! md:table-cell">
              Last trade
            </th>
          </tr>
        </thead>
        <tbody
          onPointerEnter={hold}
          onPointerLeave={() => setHeld(null)}
          onFocus={hold}
          onBlur={({ currentTarget, relatedTarget }) => {
            if (!currentTarget.contains(relatedTarget)) setHeld(null);
          }}
        >
          {shown.map((token) => (
            <Row key={token.mint} token={token} />
          ))}
        </tbody>
      </table>
      {shown.length === 0 &&
        (isLoading ? <Skeleton /> : <p className="px-4 py-16 text-center text-muted">{nothing}</p>)}
    </>
  );
}

const Row = memo(function Row({ token }: { token: Token }) {
  const flash = token.trend > 0 ? "animate-flash-buy" : token.trend < 0 ? "animate-flash-sell" : "";
  const change = token.trend > 0 ? "text-buy" : token.trend < 0 ? "text-sell" : "";
  return (
    <tr
      data-mint={token.mint}
      className="relative h-16 animate-arrive border-b border-line/60 last:border-0 hover:bg-raised/60 [&>td]:px-2"
    >
      <td className="pl-4! text-left">
        <div className="flex items-center gap-3">
          <Avatar mint={token.mint} image={token.image} />
          <div className="min-w-0">
            <div className="flex items-center gap-2">
              <Link
                href={`/trade/?mint=${token.mint}`}
                prefetch={false}
                className="truncate font-semibold after:absolute after:inset-0 after:content-['']"
              >
                {token.symbol || shortKey(token.mint)}
              </Link>
              <StageBadge stage={token.stage} />
            </div>
            <div className="flex items-center gap-2 text-[13px] text-muted">
              <span className="truncate">{token.name || "Name not seen"}</span>
              <span className="whitespace-nowrap text-faint md:hidden">
                <Age since={token.createdAt} />
              </span>
            </div>
          </div>
        </div>
      </td>
      <td className="hidden text-muted md:table-cell">
        <Age since={token.createdAt} />
      </td>
      <td key={`price${token.seq}`} className={`hidden sm:table-cell ${flash}`}>
        <Price value={token.price} />
      </td>
      <td className="hidden lg:table-cell">
        <Change bps={token.hour?.changeBps ?? null} />
      </td>
      <td className="pr-4! sm:pr-2!">
        <div className={`font-medium ${change}`}>
          {token.marketCap === null ? MISSING : compact(Number(token.marketCap))}
        </div>
        <div className="mt-1 flex items-center gap-2 sm:hidden">
          <Progress bps={token.progressBps} stage={token.stage} />
        </div>
      </td>
      <td className="hidden sm:table-cell">
        <div className="flex items-center justify-end gap-2.5">
          <Progress bps={token.progressBps} stage={token.stage} />
          <span className="w-12 shrink-0">
            {token.progressBps === null ? MISSING : percent(token.progressBps)}
          </span>
        </div>
      </td>
      <td className="hidden xl:table-cell">
        <div>{amount(token.volume, quoteOf(token.quoteMint).decimals)}</div>
        <div className="label">
          {count(token.trades)} {token.trades === 1 ? "trade" : "trades"}
        </div>
      </td>
      <td className="hidden pr-4! md:table-cell">
        <LastTrade token={token} />
      </td>
    </tr>
  );
});

function LastTrade({ token }: { token: Token }) {
  if (token.lastTradeAt === null) return <span className="text-faint">none yet</span>;
  return (
    <>
      <div>
        {token.lastSide && token.lastQuote ? (
          <>
            <Side side={token.lastSide} /> {amount(token.lastQuote, quoteOf(token.quoteMint).decimals)} SOL
          </>
        ) : (
          "Traded"
        )}
      </div>
      <div className="label">
        <Age since={token.lastTradeAt} ago />
      </div>
    </>
  );
}

/** Rows of the same height as real ones, so that nothing jumps when they come. */
function Skeleton() {
  return (
    <div aria-hidden="true">
      {Array.from({ length: SKELETON_ROWS }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <div key={index} className="flex h-16 items-center gap-3 border-b border-line/60 px-4 last:border-0">
          <div className="size-9 rounded-[28%] bg-raised" />
          <div className="flex flex-col gap-2">
            <div className="h-3.5 w-20 rounded bg-raised" />
            <div className="h-3 w-32 rounded bg-raised/70" />
          </div>
        </div>
      ))}
    </div>
  );
}
