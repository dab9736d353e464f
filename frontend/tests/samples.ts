/** Events and rows for tests: complete ones, of which a test names only what it is about. */

import type { NewTrade, TokenCreated } from "@/lib/messages";
import { createdToken, type Token } from "@/lib/tokens";

export const MINT = "6QkFmUbyRSVCBPnJrNnGp9AaWLxhyLFXBgzzCQBBBrqL";
const SOL = "So11111111111111111111111111111111111111112";

export function newTrade(given: Partial<NewTrade> = {}): NewTrade {
  return {
    signature: "sig",
    ordinal: 0,
    slot: 1,
    commitment: "confirmed",
    program: "pump",
    side: "buy",
    mint: MINT,
    wallet: "W",
    pool: "P",
    quote_mint: SOL,
    base_amount: "1000000",
    quote_amount: "2000000000",
    user_quote_amount: null,
    fees: {},
    price: "0.00000003",
    market_cap: "30",
    curve_progress_bps: 100,
    virtual_base_reserves: "1",
    virtual_quote_reserves: "1",
    real_base_reserves: "1",
    real_quote_reserves: "1",
    block_time: 1_000,
    ...given,
  };
}

export function tokenCreated(given: Partial<TokenCreated> = {}): TokenCreated {
  return {
    signature: "sig",
    slot: 1,
    commitment: "confirmed",
    program: "pump",
    mint: MINT,
    wallet: "W",
    creator: null,
    pool: "P",
    name: "First Light",
    symbol: "LIGHT",
    uri: "",
    quote_mint: SOL,
    supply: "1000000000000000",
    decimals: 6,
    price: "0.000000028",
    market_cap: "28",
    flags: [],
    block_time: 990,
    ...given,
  };
}

/** A token as REST gives it, reflecting the feed up to `seq`. */
export function token(seq: number, given: Partial<Token> = {}): Token {
  return { ...createdToken(tokenCreated(), 1), trades: 5, volume: 10n, seq, ...given };
}
