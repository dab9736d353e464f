/** What a wallet holds, by its trades, and what each event makes of it. Pure. */

import { quoteOf } from "./format";
import type { PortfolioUpdate } from "./messages";

/** Amounts are base units. */
export interface Position {
  mint: string;
  base: string;
  /** Average cost of what is held. */
  cost: string;
  realized: string;
  buys: number;
  sells: number;
  /** Position in the feed that this reflects. */
  seq: number;
  /** Of the token, where REST tells them. */
  symbol: string | null;
  name: string | null;
  image: string | null;
  price: string | null;
  quoteMint: string | null;
  decimals: number;
}

export type Positions = ReadonlyMap<string, Position>;

/** api/schemas.py: WalletPosition; in snapshots only the first fields. */
export interface PositionJson extends PortfolioUpdate {
  symbol?: string | null;
  name?: string | null;
  image?: string | null;
  price?: string | null;
  quote_mint?: string | null;
  decimals?: number | null;
}

export function positionOf(json: PositionJson, seq: number): Position {
  return {
    mint: json.mint,
    base: json.base_amount,
    cost: json.cost_quote,
    realized: json.realized_quote,
    buys: json.buys,
    sells: json.sells,
    seq,
    symbol: json.symbol ?? null,
    name: json.name ?? null,
    image: json.image ?? null,
    price: json.price ?? null,
    quoteMint: json.quote_mint ?? null,
    decimals: json.decimals ?? 6,
  };
}

/** Per token the newest counts; names and prices are kept where the newer view lacks them. */
export function withPositions(positions: Positions, newer: readonly Position[]): Positions {
  const next = new Map(positions);
  for (const position of newer) {
    const known = next.get(position.mint);
    const [late, early] = !known || position.seq >= known.seq ? [position, known] : [known, position];
    next.set(position.mint, {
      ...late,
      symbol: late.symbol ?? early?.symbol ?? null,
      name: late.name ?? early?.name ?? null,
      image: late.image ?? early?.image ?? null,
      price: late.price ?? early?.price ?? null,
      quoteMint: late.quoteMint ?? early?.quoteMint ?? null,
    });
  }
  return next;
}

/** With a token's new price; as they were where it is not held. */
export function repriced(positions: Positions, mint: string, price: string | null): Positions {
  const position = positions.get(mint);
  return position ? new Map(positions).set(mint, { ...position, price: price ?? position.price }) : positions;
}

/** What is held, at this price, in quote units; null where the price is not known. */
export function worthOf({ base, decimals, quoteMint }: Position, price: string | null): bigint | null {
  if (price === null) return null;
  const whole = Number(base) / 10 ** decimals;
  return BigInt(Math.round(whole * Number(price) * 10 ** quoteOf(quoteMint).decimals));
}

/** Profit or loss of what is still held. */
export function unrealized(position: Position, price: string | null): bigint | null {
  const value = worthOf(position, price);
  return value === null ? null : value - BigInt(position.cost);
}

export function isOpen({ base }: Position): boolean {
  return BigInt(base) > 0n;
}
