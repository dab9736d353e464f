"use client";

import { type Filter, NO_FILTER } from "@/lib/tokens";

const PRESETS: readonly (readonly [name: string, change: Partial<Filter>])[] = [
  ["Traded", { isTradedOnly: true }],
  ["Under 5 min", { maxAge: 300 }],
  ["Cap 40+", { minMarketCap: 40 }],
  ["Volume 5+", { minVolume: 5 }],
];

function isOn(filter: Filter, change: Partial<Filter>): boolean {
  return Object.entries(change).every(([name, value]) => filter[name as keyof Filter] === value);
}

function toggled(filter: Filter, change: Partial<Filter>): Filter {
  const names = Object.keys(change) as (keyof Filter)[];
  const off = Object.fromEntries(names.map((name) => [name, NO_FILTER[name]]));
  const next = { ...filter, ...(isOn(filter, change) ? off : change) };
  const isNone = Object.entries(NO_FILTER).every(([name, value]) => next[name as keyof Filter] === value);
  return isNone ? NO_FILTER : next;
}

/** Quick filters, each on or off. Amounts are in whole quote tokens. */
export function Filters({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  return (
    <fieldset className="flex max-w-full gap-1.5 overflow-x-auto py-1 max-sm:pb-2">
      <legend className="sr-only">Filters; amounts in SOL</legend>
      {PRESETS.map(([name, change]) => (
        <button
          key={name}
          type="button"
          aria-pressed={isOn(filter, change)}
          onClick={() => onChange(toggled(filter, change))}
          className="cursor-pointer whitespace-nowrap rounded-full border border-line px-3 py-1 text-xs font-medium text-muted hover:text-text focus-visible:-outline-offset-1 aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-accent-strong"
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
