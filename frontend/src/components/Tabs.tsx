"use client";

import { type KeyboardEvent, type ReactNode, useId } from "react";

/** Tabs as the ARIA pattern has them: arrows move, one panel. `children` is the chosen one's panel. */
export function Tabs<Value extends string>({
  label,
  tabs,
  value,
  onChange,
  aside,
  children,
}: {
  label: string;
  tabs: readonly (readonly [value: Value, name: string])[];
  value: Value;
  onChange: (value: Value) => void;
  aside?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  const move = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex(([one]) => one === value);
    const next = tabs[(at + step + tabs.length) % tabs.length]?.[0];
    if (!next) return;
    event.preventDefault();
    onChange(next);
    const buttons = event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]");
    buttons[(at + step + tabs.length) % tabs.length]?.focus();
  };
  return (
    <>
      <div className="flex min-h-12 flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4">
        <div role="tablist" aria-label={label} onKeyDown={move} className="flex gap-5">
          {tabs.map(([one, name]) => (
            <button
              key={one}
              id={id + one}
              type="button"
              role="tab"
              aria-selected={one === value}
              aria-controls={`${id}panel`}
              tabIndex={one === value ? 0 : -1}
              onClick={() => onChange(one)}
              className="h-12 cursor-pointer border-b-2 border-transparent font-medium text-muted hover:text-text aria-selected:border-accent aria-selected:text-text"
            >
              {name}
            </button>
          ))}
        </div>
        {aside}
      </div>
      <div id={`${id}panel`} role="tabpanel" aria-labelledby={id + value}>
        {children}
      </div>
    </>
  );
}
