/** The trading API: quotes, unsigned transactions, their relay. Amounts are decimal strings of base units. */

import { get, post } from "./api";

export type TradeSide = "buy" | "sell";

/** What is asked for; exactly one amount. */
export interface Terms {
  mint: string;
  side: TradeSide;
  quote_amount?: string;
  base_amount?: string;
  slippage_bps: number;
  wallet?: string;
}

export interface Quote {
  mint: string;
  side: TradeSide;
  base_amount: string;
  quote_amount: string;
  fees: Record<string, string>;
  /** Paid with fees, or received after them. */
  user_quote_amount: string;
  slippage_bps: number;
  /** The most that is paid, or the least that is received. */
  limit: string;
  minimum_received: string;
  price_impact_bps: number;
  is_capped: boolean;
  completes_curve: boolean;
  wallet_costs: { network_fee: string; token_account_rent: string | null; creator_vault_rent: string | null };
  wallet_change: string | null;
}

export interface TradeStatus {
  status: "unknown" | "processed" | "confirmed" | "finalized" | "failed" | "expired";
  error: { code: string; detail: string } | null;
}

export interface Balance {
  lamports: string;
  base_amount: string | null;
}

export function fetchQuote(terms: Terms, signal?: AbortSignal): Promise<Quote> {
  return post("/trading/quote", terms, signal);
}

export interface Prepared {
  transaction: string;
  last_valid_block_height: number;
}

/** A transaction for exactly what the trader saw: the tokens of the quote, and its limit. */
export function prepare(quote: Quote, wallet: string): Promise<Prepared> {
  const { mint, side, base_amount, limit } = quote;
  return post("/trading/transaction", { mint, side, base_amount, limit, wallet });
}

export async function submit(transaction: string): Promise<string> {
  const { signature } = await post<{ signature: string }>("/trading/submit", { transaction });
  return signature;
}

export function fetchTradeStatus(signature: string, lastValid: number): Promise<TradeStatus> {
  return get(`/trading/status/${signature}?last_valid_block_height=${lastValid}`);
}

export function fetchBalance(wallet: string, mint: string | null, signal?: AbortSignal): Promise<Balance> {
  return get(`/trading/balance/${wallet}${mint ? `?mint=${mint}` : ""}`, signal);
}

/** Whole tokens as written → base units; null for what is no amount, or is finer than a base unit. */
export function toUnits(text: string, decimals: number): bigint | null {
  const [, whole = "", fraction = ""] = /^\s*(\d*)(?:\.(\d*))?\s*$/.exec(text) ?? [];
  if (!whole && !fraction) return null;
  if (fraction.length > decimals) return null;
  return BigInt((whole || "0") + fraction.padEnd(decimals, "0"));
}

/** A share of an amount, rounded down. */
export function shareOf(units: string, percent: number): bigint {
  return (BigInt(units) * BigInt(percent)) / 100n;
}
