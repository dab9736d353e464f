/**
 * `data` of every event in the feed. Mirrors common/messages.py field for field; a test of the Python side
 * (tests/unit/frontend_build) compares the two.
 *
 * Amounts and other integers that may pass 2^53 are decimal strings of base units, prices are decimal strings of
 * quote per base token in whole tokens, keys and signatures are base58.
 */

export interface TokenCreated {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string;
  creator: string | null;
  pool: string | null;
  name: string;
  symbol: string;
  uri: string;
  quote_mint: string | null;
  supply: string | null;
  decimals: number | null;
  price: string | null;
  market_cap: string | null;
  flags: string[];
  block_time: number | null;
}

/** `quote_amount` moved the curve, `user_quote_amount` is what the trader paid or received; `price` after it. */
export interface NewTrade {
  signature: string;
  ordinal: number;
  slot: number;
  commitment: string;
  program: string;
  side: "buy" | "sell";
  mint: string;
  wallet: string | null;
  pool: string | null;
  quote_mint: string | null;
  base_amount: string;
  quote_amount: string;
  user_quote_amount: string | null;
  fees: Record<string, string>;
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
  virtual_base_reserves: string | null;
  virtual_quote_reserves: string | null;
  real_base_reserves: string | null;
  real_quote_reserves: string | null;
  block_time: number | null;
}

export interface CurveCompleted {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string | null;
  pool: string | null;
  block_time: number | null;
}

/** `pool` is the AMM pool that the liquidity went to. */
export interface TokenMigrated {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string | null;
  pool: string | null;
  base_amount: string | null;
  quote_amount: string | null;
  block_time: number | null;
}

/** The log event with this `seq` did not survive a fork. */
export interface Retracted {
  seq: number;
  signature: string;
  reason: "fork";
}

export interface PriceUpdate {
  mint: string;
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
}

/** A wallet's whole position in one token. */
export interface PortfolioUpdate {
  wallet: string;
  mint: string;
  base_amount: string;
  cost_quote: string;
  realized_quote: string;
  buys: number;
  sells: number;
}

/** A whole bar; a greater `rev` of the same bar replaces the smaller. */
export interface CandleUpdate {
  mint: string;
  interval_s: number;
  start: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume_base: string;
  volume_quote: string;
  trades: number;
  rev: number;
}

/** Event name to its data. */
export interface FeedEvents {
  token_created: TokenCreated;
  new_trade: NewTrade;
  curve_completed: CurveCompleted;
  token_migrated: TokenMigrated;
  retracted: Retracted;
  price_update: PriceUpdate;
  portfolio_update: PortfolioUpdate;
  candle_update: CandleUpdate;
  market_stats: Record<string, unknown>;
  finality: { confirmed_slot: number; finalized_slot: number };
}
