"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { retry } from "@/lib/api";
import { amount, compact, MISSING, quoteOf, shortKey } from "@/lib/format";
import { fetchCreated } from "@/lib/portfolio";
import { isOpen, type Position, type Positions, unrealized, worthOf } from "@/lib/positions";
import { keyOf, type Trade } from "@/lib/trades";
import { useParameter } from "@/lib/useParameter";
import { usePositions } from "@/lib/usePositions";
import { useWalletHistory } from "@/lib/useWalletHistory";
import { useWallet } from "@/lib/wallet";
import { useRoom } from "@/lib/websocket";
import { Avatar } from "./Avatar";
import { Empty } from "./Empty";
import { OutIcon, TransactionLink } from "./links";
import { Tabs } from "./Tabs";
import { Age, amountIn, CopyKey, Gain, Price, Side, StageBadge } from "./values";

const ADDRESS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const COLUMN = "px-2 first:pl-4 last:pr-4";
const SOL = { symbol: "SOL", rate: null };

/** /wallet?address=…: what a wallet holds, has made, and did. */
export function WalletPage() {
  const given = useParameter("address");
  const { account } = useWallet();
  if (given === null) return <h1 className="sr-only">Wallet</h1>;
  const address = given || account?.address || "";
  if (!address)
    return (
      <Empty title="Whose wallet?" text="Connect a wallet, or name one in the address: /wallet?address=…" />
    );
  if (!ADDRESS.test(address))
    return (
      <Empty
        title="This is no wallet"
        text={`“${address.slice(0, 60)}” is not an address of 32 bytes in base58.`}
      />
    );
  return <WalletView key={address} address={address} isMe={address === account?.address} />;
}

const TABS = [
  ["positions", "Positions"],
  ["history", "History"],
  ["created", "Created tokens"],
] as const;

function WalletView({ address, isMe }: { address: string; isMe: boolean }) {
  const [tab, setTab] = useState<(typeof TABS)[number][0]>("positions");
  useRoom("global"); // prices of what is held
  const { positions, isLive, isPending, error } = usePositions(address);
  const { trades } = useWalletHistory(address, isLive);
  const names = namesOf(positions);
  return (
    <div className="flex flex-col gap-4">
      <section
        aria-label="Wallet"
        className="card flex flex-wrap items-center gap-x-10 gap-y-4 px-4 py-4 sm:px-5"
      >
        <div className="flex items-center gap-3.5">
          <Avatar mint={address} size={48} />
          <div>
            <h1 className="text-xl font-semibold tracking-tight">
              {isMe ? "Your wallet" : `Wallet ${shortKey(address)}`}
            </h1>
            <CopyKey value={address} name="address" />
          </div>
        </div>
        <Totals positions={positions} isPending={isPending} />
      </section>
      <section aria-label="Positions and history" className="card overflow-hidden">
        <Tabs
          label="Positions and history"
          tabs={TABS}
          value={tab}
          onChange={setTab}
          aside={<span className="label">{isLive ? "Live" : "Asked for every 5 s"}</span>}
        >
          {tab === "positions" && <PositionTable positions={positions} isPending={isPending} error={error} />}
          {tab === "history" && <History trades={trades} names={names} />}
          {tab === "created" && <Created address={address} />}
        </Tabs>
      </section>
    </div>
  );
}

function namesOf(positions: Positions): ReadonlyMap<string, string> {
  return new Map([...positions.values()].flatMap(({ mint, symbol }) => (symbol ? [[mint, symbol]] : [])));
}

function sum(values: readonly (bigint | null)[]): bigint | null {
  return values.reduce((total, value) => (total === null || value === null ? null : total + value), 0n);
}

/** Over all positions in SOL; what has no price now is not known, and then neither is the sum. */
function Totals({ positions, isPending }: { positions: Positions; isPending: boolean }) {
  const all = [...positions.values()].filter(({ quoteMint }) => quoteOf(quoteMint).symbol === "SOL");
  const open = all.filter(isOpen);
  const isKnown = !isPending || all.length > 0;
  const figures = [
    ["Worth, SOL", sum(open.map((one) => worthOf(one, one.price))), false],
    ["Unrealised, SOL", sum(open.map((one) => unrealized(one, one.price))), true],
    ["Realised, SOL", sum(all.map(({ realized }) => BigInt(realized))), true],
  ] as const;
  return (
    <dl className="grid w-full grid-cols-3 gap-x-8 sm:flex sm:w-auto sm:gap-x-10 lg:ml-auto">
      {figures.map(([name, value, isGain]) => (
        <div key={name} className="flex flex-col-reverse">
          <dt className="label whitespace-nowrap">{name}</dt>
          <dd className="text-base font-semibold sm:text-lg">
            {isGain ? (
              <Gain units={isKnown ? value : null} quoteMint={null} unit={SOL} />
            ) : (
              amountIn(isKnown ? value : null, null, SOL)
            )}
          </dd>
        </div>
      ))}
      <div className="hidden flex-col-reverse sm:flex">
        <dt className="label">Tokens held</dt>
        <dd className="text-lg font-semibold">{isKnown ? open.length : MISSING}</dd>
      </div>
    </dl>
  );
}

const HEAD = "border-y border-line text-xs text-faint [&>tr>th]:h-9 [&>tr>th]:font-normal";
const BODY = "[&>tr]:border-b [&>tr]:border-line/50 [&>tr:last-child]:border-0";

function Nothing({ children }: { children: string }) {
  return <p className="border-t border-line px-4 py-14 text-center text-muted">{children}</p>;
}

function PositionTable({
  positions,
  isPending,
  error,
}: {
  positions: Positions;
  isPending: boolean;
  error: Error | null;
}) {
  const rows = [...positions.values()].sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.seq - a.seq);
  if (rows.length === 0)
    return (
      <Nothing>{error ? error.message : isPending ? "Loading…" : "It has not traded anything here."}</Nothing>
    );
  return (
    <div className="overflow-x-auto">
      <table className="w-full border-collapse text-right">
        <caption className="sr-only">Positions, open ones first</caption>
        <thead className={HEAD}>
          <tr>
            <th scope="col" className={`text-left ${COLUMN}`}>
              Token
            </th>
            <th scope="col" className={COLUMN}>
              Held
            </th>
            <th scope="col" className={`hidden sm:table-cell ${COLUMN}`}>
              Price, SOL
            </th>
            <th scope="col" className={COLUMN}>
              Worth, SOL
            </th>
            <th scope="col" className={`hidden sm:table-cell ${COLUMN}`}>
              Cost, SOL
            </th>
            <th scope="col" className={COLUMN}>
              Unrealised
            </th>
            <th scope="col" className={COLUMN}>
              Realised
            </th>
            <th scope="col" className={`hidden md:table-cell ${COLUMN}`}>
              Buys / sells
            </th>
          </tr>
        </thead>
        <tbody className={BODY}>
          {rows.map((position) => (
            <PositionRow key={position.mint} position={position} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PositionRow({ position }: { position: Position }) {
  const { mint, symbol, name, image, base, decimals, price, cost, realized, quoteMint, buys, sells } =
    position;
  return (
    <tr data-mint={mint} className="h-14 hover:bg-raised/60">
      <td className={`text-left ${COLUMN}`}>
        <div className="flex items-center gap-3">
          <Avatar mint={mint} image={image} size={32} />
          <div className="min-w-0">
            <Link
              href={`/trade/?mint=${mint}`}
              prefetch={false}
              className="block truncate font-semibold hover:underline"
            >
              {symbol || shortKey(mint)}
            </Link>
            <span className="block truncate text-[13px] text-muted">{name ?? ""}</span>
          </div>
        </div>
      </td>
      <td className={COLUMN}>{amount(base, decimals)}</td>
      <td className={`hidden text-muted sm:table-cell ${COLUMN}`}>
        <Price value={price} />
      </td>
      <td className={COLUMN}>{amountIn(worthOf(position, price), quoteMint, SOL)}</td>
      <td className={`hidden text-muted sm:table-cell ${COLUMN}`}>{amountIn(cost, quoteMint, SOL)}</td>
      <td className={COLUMN}>
        <Gain
          units={isOpen(position) ? unrealized(position, price) : null}
          quoteMint={quoteMint}
          unit={SOL}
        />
      </td>
      <td className={COLUMN}>
        <Gain units={realized} quoteMint={quoteMint} unit={SOL} />
      </td>
      <td className={`hidden text-muted md:table-cell ${COLUMN}`}>
        {buys} / {sells}
      </td>
    </tr>
  );
}

function History({ trades, names }: { trades: readonly Trade[]; names: ReadonlyMap<string, string> }) {
  if (trades.length === 0) return <Nothing>No trades yet.</Nothing>;
  return (
    <div className="overflow-x-auto">
      <table className="w-full border-collapse text-right">
        <caption className="sr-only">Trades, newest first</caption>
        <thead className={HEAD}>
          <tr>
            <th scope="col" className={`text-left ${COLUMN}`}>
              Age
            </th>
            <th scope="col" className={`text-left ${COLUMN}`}>
              Side
            </th>
            <th scope="col" className={`text-left ${COLUMN}`}>
              Token
            </th>
            <th scope="col" className={COLUMN}>
              SOL
            </th>
            <th scope="col" className={COLUMN}>
              Tokens
            </th>
            <th scope="col" className={`hidden sm:table-cell ${COLUMN}`}>
              Price, SOL
            </th>
            <th scope="col" className={`w-8 ${COLUMN}`}>
              <span className="sr-only">Transaction</span>
            </th>
          </tr>
        </thead>
        <tbody className={BODY}>
          {trades.map((trade) => (
            <tr key={keyOf(trade)} data-signature={trade.signature} className="h-10 hover:bg-raised/60">
              <td className={`text-left text-muted ${COLUMN}`}>
                <Age since={trade.time} />
              </td>
              <td className={`text-left ${COLUMN}`}>
                <Side side={trade.side} />
              </td>
              <td className={`text-left ${COLUMN}`}>
                <Link
                  href={`/trade/?mint=${trade.mint}`}
                  prefetch={false}
                  className="font-medium hover:underline"
                >
                  {names.get(trade.mint) ?? shortKey(trade.mint)}
                </Link>
              </td>
              <td className={COLUMN}>{amountIn(trade.quote, trade.quoteMint, SOL)}</td>
              <td className={COLUMN}>{amount(trade.base, 6)}</td>
              <td className={`hidden text-muted sm:table-cell ${COLUMN}`}>
                <Price value={trade.price} />
              </td>
              <td className={COLUMN}>
                <TransactionLink signature={trade.signature}>
                  <OutIcon />
                </TransactionLink>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Created({ address }: { address: string }) {
  const { data, error, isPending } = useQuery({
    queryKey: ["created", address],
    queryFn: ({ signal }) => fetchCreated(address, signal),
    refetchInterval: 15_000,
    retry,
  });
  if (!data?.length)
    return (
      <Nothing>
        {data ? "It has created nothing here." : isPending ? "Loading…" : (error?.message ?? "")}
      </Nothing>
    );
  return (
    <ul className="grid gap-px border-t border-line bg-line sm:grid-cols-2 lg:grid-cols-3">
      {data.map((token) => (
        <li
          key={token.mint}
          className="relative flex items-center gap-3 bg-surface px-4 py-3 hover:bg-raised"
        >
          <Avatar mint={token.mint} image={token.image} />
          <div className="min-w-0 flex-1">
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
            <span className="text-[13px] text-muted">
              <Age since={token.createdAt} ago />
            </span>
          </div>
          <div className="text-right">
            <div className="font-medium">
              {token.marketCap === null ? MISSING : compact(Number(token.marketCap))}
            </div>
            <div className="label">SOL cap</div>
          </div>
        </li>
      ))}
    </ul>
  );
}
