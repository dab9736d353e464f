/** Tokens as the page keeps them, and what each event of the feed makes of them. Pure. */

import { quoteOf } from "./format";
import type { TokenCreated } from "./messages";
import type { Figures } from "./stats";
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
  /** Where its liquidity went. */
  ammPool: string | null;
  uri: string | null;
  /** Path of its picture on our own server. */
  image: string | null;
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
  /** Slot in which the curve was full, or its liquidity moved. */
  endedSlot: number | null;
  /** Which way the price went last. */
  trend: -1 | 0 | 1;
  /** As of the last answer of REST: the feed does not tell these. */
  holders: number | null;
  /** US dollars of one whole quote token, and where that is from. */
  usdRate: number | null;
  usdSource: string | null;
  /** The hour before that answer. */
  hour: Figures | null;
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
    ammPool: null,
    uri: null,
    image: null,
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
    endedSlot: null,
    trend: 0,
    holders: null,
    usdRate: null,
    usdSource: null,
    hour: null,
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
  for (const token of loaded) next.set(token.mint, newest(next.get(token.mint), token));
  const kept = [...next.values()].sort((a, b) => b.seq - a.seq).slice(0, most);
  return new Map(kept.map((token) => [token.mint, token]));
}

function newest(known: Token | undefined, token: Token): Token {
  if (!known || known.seq < token.seq) return withDerived(token, known ?? null);
  if (known.seq === token.seq) return { ...withDerived(token, known), ...lastOf(token, known) };
  return withDerived(known.name === null ? { ...token, ...stateOf(known) } : known, token);
}

/** `token`, and from another view of it what only REST tells and what this one lacks. */
export function withDerived(token: Token, other: Token | null): Token {
  if (!other) return token;
  return {
    ...token,
    ammPool: token.ammPool ?? other.ammPool,
    image: token.image ?? other.image,
    holders: token.holders ?? other.holders,
    usdRate: token.usdRate ?? other.usdRate,
    usdSource: token.usdSource ?? other.usdSource,
    hour: token.hour ?? other.hour,
    endedSlot: token.endedSlot ?? other.endedSlot,
  };
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

export type Order = "new" | "progress" | "graduated";

const BY: Record<Order, (a: Token, b: Token) => number> = {
  new: () => 0,
  progress: (a, b) => (b.progressBps ?? 0) - (a.progressBps ?? 0),
  graduated: (a, b) => (b.endedSlot ?? Number.MAX_SAFE_INTEGER) - (a.endedSlot ?? Number.MAX_SAFE_INTEGER),
};

const IN: Record<Order, (token: Token) => boolean> = {
  new: () => true,
  progress: ({ stage, progressBps }) => stage === "curve" && (progressBps ?? 0) > 0,
  graduated: ({ stage }) => stage !== "curve",
};

/** Those that belong there, in this order, newest first where two are equal. */
export function ordered(tokens: Tokens, order: Order): Token[] {
  const chosen = [...tokens.values()].filter(IN[order]);
  return chosen.sort((a, b) => BY[order](a, b) || b.firstSeq - a.firstSeq);
}

/** What the reader wants to see of a list; 0 and false: everything. In whole quote tokens. */
export interface Filter {
  minMarketCap: number;
  minVolume: number;
  /** Seconds. */
  maxAge: number;
  isTradedOnly: boolean;
}

export const NO_FILTER: Filter = { minMarketCap: 0, minVolume: 0, maxAge: 0, isTradedOnly: false };

/** Whether a token passes; `now` is unix seconds. */
export function passes(token: Token, filter: Filter, now: number): boolean {
  if (filter.isTradedOnly && token.lastTradeAt === null) return false;
  if (Number(token.marketCap ?? 0) < filter.minMarketCap) return false;
  if (Number(token.volume) / 10 ** quoteOf(token.quoteMint).decimals < filter.minVolume) return false;
  return !filter.maxAge || (token.createdAt !== null && now - token.createdAt <= filter.maxAge);
}
