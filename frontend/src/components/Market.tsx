"use client";

import { useMemo, useState } from "react";
import { useNow } from "@/lib/clock";
import { amount } from "@/lib/format";
import type { ListName } from "@/lib/history";
import { PULSE_S, type Market as State } from "@/lib/market";
import { useChoice } from "@/lib/settings";
import { type Filter, NO_FILTER, ordered, passes, type Token, type Tokens } from "@/lib/tokens";
import { useMarket } from "@/lib/useMarket";
import { Empty } from "./Empty";
import { Filters } from "./Filters";
import { Sparkline } from "./Sparkline";
import { Tabs } from "./Tabs";
import { TokenTable } from "./TokenTable";
import { TradeTape } from "./TradeTape";

const LISTS = [
  ["new", "New"],
  ["about_to_graduate", "Graduating"],
  ["graduated", "Graduated"],
  ["trending", "Trending"],
] as const satisfies readonly (readonly [ListName, string])[];

const NOTHING: Record<ListName, string> = {
  new: "No token has been created yet. The first one will appear here by itself.",
  about_to_graduate: "No curve is being filled right now.",
  graduated: "No curve has been sold out yet.",
  trending: "Nothing was traded in the last hour.",
};

/** The first page: every token, and every trade as it happens. */
export function Market() {
  const [list, setList] = useChoice("list", ["new", "about_to_graduate", "graduated", "trending"]);
  const [filter, setFilter] = useState(NO_FILTER);
  const { market, ranked, isPending, error } = useMarket(list);
  const rows = useRows(market.tokens, list, { ranked, filter });
  if (error && market.tokens.size === 0) {
    return <Empty title="The tokens could not be loaded" text={error.message} />;
  }
  const isFiltered = filter !== NO_FILTER;
  return (
    <div className="grid grid-cols-1 gap-5 lg:grid-cols-[minmax(0,1fr)_340px]">
      <h1 className="sr-only">Tokens on their bonding curves, live</h1>
      <Pulse market={market} />
      <TradeTape market={market} />
      <section aria-label="Tokens" className="card min-w-0 overflow-hidden">
        <Tabs
          label="Lists of tokens"
          tabs={LISTS}
          value={list}
          onChange={setList}
          aside={<Filters filter={filter} onChange={setFilter} />}
        >
          <TokenTable
            tokens={market.tokens}
            rows={rows}
            list={list}
            isLoading={isPending}
            nothing={isFiltered ? "No token passes the filter." : NOTHING[list]}
          />
        </Tabs>
      </section>
    </div>
  );
}

/** The list's tokens in its order: the API's where only it can rank, else ours, which follows every trade. */
function useRows(
  tokens: Tokens,
  list: ListName,
  { ranked, filter }: { ranked: readonly string[]; filter: Filter },
): Token[] {
  const now = useNow();
  return useMemo(() => {
    const rows = {
      new: () => ordered(tokens, "new"),
      about_to_graduate: () => ordered(tokens, "progress"),
      graduated: () => ordered(tokens, "graduated"),
      trending: () => ranked.flatMap((mint) => tokens.get(mint) ?? []),
    }[list]();
    return filter === NO_FILTER ? rows : rows.filter((token) => passes(token, filter, now));
  }, [tokens, list, ranked, filter, now]);
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
      <dd className="min-w-[3ch] text-xl font-semibold tracking-tight sm:text-2xl">
        {value}
        {unit && <span className="ml-1 text-sm font-normal text-muted">{unit}</span>}
      </dd>
    </div>
  );
}
