/** Tokens as the page keeps them, and what each event of the feed makes of them. Pure. */

import type { TokenCreated } from "./messages";
import type { Trade } from "./trades";

/** On its curve; curve full, pool not there yet; liquidity in the pool. */
export type Stage = "curve" | "completed" | "migrated";

export interface Token {
  mint: string;
  program: string;
  /** Null where its creation was not seen. */
  name: string | null;
  symbol: string | null;
  creator: string | null;
  pool: string | null;
  uri: string | null;
  quoteMint: string | null;
  decimals: number;
  supply: string | null;
  createdAt: number | null;
  price: string | null;
  marketCap: string | null;
  progressBps: number | null;
  realBase: string | null;
  realQuote: string | null;
  trades: number;
  /** Quote units traded so far. */
  volume: bigint;
  lastTradeAt: number | null;
  lastSide: "buy" | "sell" | null;
  lastQuote: string | null;
  stage: Stage;
  /** Which way the price went last. */
  trend: -1 | 0 | 1;
  /** Position in the feed that first named it: the order of age. */
  firstSeq: number;
  /** Position in the feed that all this reflects. */
  seq: number;
}

export type Tokens = ReadonlyMap<string, Token>;

const DECIMALS = 6;

/** A token of which nothing is known but what one trade says. */
function unknownToken(trade: Trade, program: string): Token {
  return {
    mint: trade.mint,
    program,
    name: null,
    symbol: null,
    creator: null,
    pool: null,
    uri: null,
    quoteMint: trade.quoteMint,
    decimals: DECIMALS,
    supply: null,
    createdAt: null,
    price: null,
    marketCap: null,
    progressBps: null,
    realBase: null,
    realQuote: null,
    trades: 0,
    volume: 0n,
    lastTradeAt: null,
    lastSide: null,
    lastQuote: null,
    stage: "curve",
    trend: 0,
    firstSeq: 0,
    seq: 0,
  };
}

export function createdToken(data: TokenCreated, seq: number): Token {
  return {
    ...unknownToken({ mint: data.mint, quoteMint: data.quote_mint } as Trade, data.program),
    name: data.name,
    symbol: data.symbol,
    creator: data.creator ?? data.wallet,
    pool: data.pool,
    uri: data.uri,
    decimals: data.decimals ?? DECIMALS,
    supply: data.supply,
    createdAt: data.block_time,
    price: data.price,
    marketCap: data.market_cap,
    progressBps: 0,
    firstSeq: seq,
    seq,
  };
}

/** The token after a trade; as it was if that is counted already. */
export function afterTrade(token: Token, trade: Trade): Token {
  if (trade.seq <= token.seq) return token;
  const change = Number(trade.price ?? token.price) - Number(token.price ?? trade.price);
  return {
    ...token,
    price: trade.price ?? token.price,
    marketCap: trade.marketCap ?? token.marketCap,
    progressBps: trade.progressBps ?? token.progressBps,
    realBase: trade.realBase ?? token.realBase,
    realQuote: trade.realQuote ?? token.realQuote,
    trades: token.trades + 1,
    volume: token.volume + BigInt(trade.quote),
    lastTradeAt: trade.time ?? token.lastTradeAt,
    lastSide: trade.side,
    lastQuote: trade.quote,
    trend: change === 0 ? token.trend : change > 0 ? 1 : -1,
    seq: trade.seq,
  };
}

/** The token at another stage; stages never go back. */
export function atStage(token: Token, stage: Exclude<Stage, "curve">): Token {
  return token.stage === "migrated" ? token : { ...token, stage, progressBps: 10_000 };
}

/** `tokens` with one set: a new map, bounded to `most` by dropping the oldest. */
export function withToken(tokens: Tokens, token: Token, most: number): Tokens {
  const next = new Map(tokens).set(token.mint, token);
  if (next.size <= most) return next;
  const oldest = [...next.values()].reduce((a, b) => (a.seq < b.seq ? a : b));
  next.delete(oldest.mint);
  return next;
}

/** `tokens` after a trade; one that is not there yet is put there with what the trade tells. */
export function withTraded(tokens: Tokens, trade: Trade, program: string, most: number): Tokens {
  const token = tokens.get(trade.mint) ?? unknownToken(trade, program);
  const after = afterTrade(token, trade);
  return after === token ? tokens : withToken(tokens, after, most);
}

/** What REST says and what the feed has said since: per token, the one that reflects more wins. */
export function withLoaded(tokens: Tokens, loaded: readonly Token[], most: number): Tokens {
  const next = new Map(tokens);
  for (const token of loaded) {
    const known = next.get(token.mint);
    if (!known || known.seq < token.seq) next.set(token.mint, token);
    else if (known.seq === token.seq) next.set(token.mint, { ...token, ...lastOf(token, known) });
    else if (known.name === null) next.set(token.mint, { ...token, ...stateOf(known) });
  }
  const kept = [...next.values()].sort((a, b) => b.seq - a.seq).slice(0, most);
  return new Map(kept.map((token) => [token.mint, token]));
}

/** What only one of two views of the same state may know. */
function lastOf(a: Token, b: Token): Partial<Token> {
  return {
    lastSide: a.lastSide ?? b.lastSide,
    lastQuote: a.lastQuote ?? b.lastQuote,
    trend: a.trend || b.trend,
  };
}

/** The part that trades change and that is absolute. */
function stateOf(token: Token): Partial<Token> {
  const { price, marketCap, progressBps, realBase, realQuote, lastTradeAt, lastSide, lastQuote, trend, seq } =
    token;
  return { price, marketCap, progressBps, realBase, realQuote, lastTradeAt, lastSide, lastQuote, trend, seq };
}

export type Order = "new" | "active" | "progress" | "market_cap";

const BY: Record<Order, (a: Token, b: Token) => number> = {
  new: (a, b) => b.firstSeq - a.firstSeq,
  active: (a, b) => b.seq - a.seq,
  progress: (a, b) =>
    (b.stage === "curve" ? (b.progressBps ?? 0) : -1) - (a.stage === "curve" ? (a.progressBps ?? 0) : -1),
  market_cap: (a, b) => Number(b.marketCap ?? 0) - Number(a.marketCap ?? 0),
};

/** In this order, newest first where two are equal. */
export function ordered(tokens: Tokens, order: Order): Token[] {
  return [...tokens.values()].sort((a, b) => BY[order](a, b) || b.firstSeq - a.firstSeq);
}
