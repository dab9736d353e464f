"use client";

import { useId } from "react";
import { amount, inWholeTokens } from "@/lib/format";
import { shareOf, type TradeSide } from "@/lib/trading";

const BUY_PRESETS = ["0.1", "0.5", "1", "5"];
const SELL_PRESETS = [25, 50, 75, 100];
const SLIPPAGES = ["0.5", "1", "5"];

const CHIP =
  "h-8 grow cursor-pointer rounded-md bg-raised text-[13px] font-medium text-muted hover:text-text disabled:cursor-default disabled:opacity-50 aria-pressed:bg-accent-soft aria-pressed:text-accent-strong";

/** How much: SOL to buy for, tokens to sell. */
export function AmountField(props: {
  side: TradeSide;
  text: string;
  symbol: string;
  onChange: (text: string) => void;
  owned: string | null;
  decimals: number;
}) {
  const { side, text, symbol, onChange, owned, decimals } = props;
  const id = useId();
  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-baseline justify-between gap-3 text-[13px]">
        <label htmlFor={id} className="text-muted">
          Amount
        </label>
        <span className="truncate text-faint">
          {side === "buy" ? "Balance" : "You hold"} {amount(owned, decimals)} {symbol}
        </span>
      </div>
      <div className="relative">
        <input
          id={id}
          name="amount"
          inputMode="decimal"
          autoComplete="off"
          placeholder="0.0"
          value={text}
          onChange={({ target }) => onChange(target.value.replace(",", "."))}
          className="h-11 w-full rounded-lg border border-line bg-bg pl-3 pr-24 text-lg font-semibold placeholder:text-faint"
        />
        <span className="pointer-events-none absolute right-3 top-3 max-w-20 truncate text-muted">
          {symbol}
        </span>
      </div>
      <div className="flex gap-1.5">
        {side === "buy"
          ? BUY_PRESETS.map((preset) => (
              <button
                key={preset}
                type="button"
                aria-pressed={text === preset}
                onClick={() => onChange(preset)}
                className={CHIP}
              >
                {preset}
              </button>
            ))
          : SELL_PRESETS.map((preset) => (
              <button
                key={preset}
                type="button"
                disabled={!owned || owned === "0"}
                onClick={() => onChange(inWholeTokens(shareOf(owned ?? "0", preset), decimals))}
                className={CHIP}
              >
                {preset}%
              </button>
            ))}
      </div>
    </div>
  );
}

/** How far the price may move until the order is executed, in percent. */
export function Slippage({
  value,
  isValid,
  onChange,
}: {
  value: string;
  isValid: boolean;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="flex items-center justify-between gap-3 text-[13px]">
      <label htmlFor={id} className="text-muted">
        Slippage, %
      </label>
      <div className="flex gap-1.5">
        {SLIPPAGES.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={value === one}
            aria-label={`Slippage ${one} %`}
            onClick={() => onChange(one)}
            className={`${CHIP} h-7! px-2`}
          >
            {one}
          </button>
        ))}
        <input
          id={id}
          inputMode="decimal"
          autoComplete="off"
          value={value}
          aria-invalid={!isValid}
          onChange={({ target }) => onChange(target.value.replace(",", "."))}
          className="h-7 w-14 rounded-md border border-line bg-bg px-2 text-right aria-invalid:border-sell"
        />
      </div>
    </div>
  );
}
