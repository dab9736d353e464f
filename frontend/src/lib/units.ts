"use client";

/** Which unit the reader wants to see amounts in. */

import { useChoice } from "./settings";

export interface Unit {
  /** Of the quote token, or USD. */
  symbol: string;
  /** US dollars of one whole quote token; null: amounts stay in the quote token. */
  rate: number | null;
}

/** The reader's unit for amounts of this quote token; dollars only where their rate is known. */
export function useUnit(quoteSymbol: string, usdRate: number | null) {
  const [choice, choose] = useChoice("unit", ["quote", "usd"]);
  const isUsd = choice === "usd" && usdRate !== null;
  const unit: Unit = { symbol: isUsd ? "USD" : quoteSymbol, rate: isUsd ? usdRate : null };
  return { unit, choice: isUsd ? ("usd" as const) : ("quote" as const), choose };
}
