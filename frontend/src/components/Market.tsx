"use client";

import { useState } from "react";
import { useNow } from "@/lib/clock";
import { amount } from "@/lib/format";
import { PULSE_S, type Market as State } from "@/lib/market";
import type { Order } from "@/lib/tokens";
import { useMarket } from "@/lib/useMarket";
import { Empty } from "./Empty";
import { Sparkline } from "./Sparkline";
import { TokenTable } from "./TokenTable";
import { TradeTape } from "./TradeTape";

const ORDERS: [Order, string][] = [
  ["new", "New"],
  ["active", "Last traded"],
  ["progress", "Near completion"],
  ["market_cap", "Market cap"],
];

/** The first page: every token, and every trade as it happens. */
export function Market() {
  const { market, isPending, error } = useMarket();
  const [order, setOrder] = useState<Order>("new");
  if (error && market.tokens.size === 0) {
    return <Empty title="The tokens could not be loaded" text={error.message} />;
  }
  return (
    <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_340px]">
      <h1 className="sr-only">Tokens on their bonding curves, live</h1>
      <Pulse market={market} />
      <TradeTape market={market} />
      <section aria-labelledby="tokens" className="min-w-0">
        <div className="mb-3 flex min-h-9 flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <h2 id="tokens" className="text-lg font-semibold tracking-tight">
            Tokens
          </h2>
          <Orders order={order} onChange={setOrder} />
        </div>
        <TokenTable tokens={market.tokens} order={order} isLoading={isPending} />
      </section>
    </div>
  );
}

function Orders({ order, onChange }: { order: Order; onChange: (order: Order) => void }) {
  return (
    <fieldset className="-mx-1 flex max-w-full gap-1 overflow-x-auto px-1">
      <legend className="sr-only">Order of the tokens</legend>
      {ORDERS.map(([value, name]) => (
        <label
          key={value}
          className="cursor-pointer whitespace-nowrap rounded-lg px-3 py-1.5 font-medium text-muted hover:text-text has-checked:bg-raised has-checked:text-text has-focus-visible:outline-2 has-focus-visible:outline-accent"
        >
          <input
            type="radio"
            name="order"
            value={value}
            checked={order === value}
            onChange={() => onChange(value)}
            className="sr-only"
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}

/** The last minute in four numbers, and the trades of each of its seconds. */
function Pulse({ market }: { market: State }) {
  const now = useNow();
  const beats = market.pulse.filter((beat) => beat.second > now - PULSE_S);
  const covered = Math.max(0, Math.min(PULSE_S, now - market.since));
  const trades = beats.reduce((sum, beat) => sum + beat.trades, 0);
  const created = beats.reduce((sum, beat) => sum + beat.created, 0);
  const volume = beats.reduce((sum, beat) => sum + beat.volume, 0n);
  const bars = Array.from({ length: PULSE_S }, (_, index) => {
    return beats.find((beat) => beat.second === now - PULSE_S + 1 + index)?.trades ?? 0;
  });
  return (
    <section
      aria-label="The last minute"
      className="card flex flex-wrap gap-x-10 gap-y-2 px-4 py-3 sm:flex-nowrap sm:px-5 lg:col-span-2"
    >
      <dl className="grid w-full shrink-0 grid-cols-3 gap-x-4 whitespace-nowrap sm:flex sm:w-auto sm:gap-x-10">
        <Figure name="Trades" value={String(trades)} />
        <Figure name="Volume" value={amount(volume, 9)} unit="SOL" />
        <Figure name="New tokens" value={String(created)} />
      </dl>
      <div className="w-full min-w-0 lg:pl-10">
        <Sparkline values={bars} label={`${trades} trades in the last minute, second by second`} />
        <p className="label mt-1 sm:text-right">
          {covered >= PULSE_S ? "The last minute" : `The last ${covered} seconds`}
        </p>
      </div>
    </section>
  );
}

function Figure({ name, value, unit }: { name: string; value: string; unit?: string }) {
  return (
    <div className="flex flex-col-reverse justify-end">
      <dt className="label">{name}</dt>
      <dd className="text-xl font-semibold tracking-tight sm:text-2xl">
        {value}
        {unit && <span className="ml-1 text-sm font-normal text-muted">{unit}</span>}
      </dd>
    </div>
  );
}
