"use client";

import { amount, MISSING, quoteOf } from "@/lib/format";
import { type Position, unrealized, worthOf } from "@/lib/positions";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { Card, Line } from "./Card";
import { amountIn, Gain } from "./values";

/** What I hold of this token, at its price of now. */
export function PositionCard({
  position,
  token,
  isLive,
}: {
  position: Position | null;
  token: Token | null;
  isLive: boolean;
}) {
  const quoteMint = token?.quoteMint ?? null;
  const { unit } = useUnit(quoteOf(quoteMint).symbol, token?.usdRate ?? null);
  const known = position && { ...position, decimals: token?.decimals ?? 6, quoteMint };
  const price = token?.price ?? null;
  return (
    <Card title="Your position" aside={isLive ? <span className="label">live</span> : null}>
      <dl data-position={position?.base ?? "0"} className="flex flex-col gap-2">
        <Line name="Held">
          {amount(position?.base ?? "0", token?.decimals ?? 6)} {token?.symbol ?? ""}
        </Line>
        <Line name={`Worth, ${unit.symbol}`}>
          {known ? amountIn(worthOf(known, price), quoteMint, unit) : MISSING}
        </Line>
        <Line name={`Unrealised, ${unit.symbol}`}>
          <Gain units={known ? unrealized(known, price) : null} quoteMint={quoteMint} unit={unit} />
        </Line>
        <Line name={`Realised, ${unit.symbol}`}>
          <span data-realized={position?.realized}>
            <Gain units={position?.realized ?? null} quoteMint={quoteMint} unit={unit} />
          </span>
        </Line>
      </dl>
    </Card>
  );
}
