"use client";

import { useUnit } from "@/lib/units";
import { Segmented } from "./Segmented";

/** SOL ↔ USD, for the whole page. */
export function UnitSwitch({ symbol, usdRate }: { symbol: string; usdRate: number | null }) {
  const { choice, choose } = useUnit(symbol, usdRate);
  const why = "No dollar price of this quote token is known to the server";
  return (
    <Segmented
      legend="Unit of amounts"
      options={[["quote", symbol], usdRate === null ? ["usd", "USD", why] : ["usd", "USD"]]}
      value={choice}
      onChange={choose}
      isSmall
    />
  );
}
