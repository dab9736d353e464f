/** What happened before the page was opened, from the REST API (its /docs describe every field). */

import type { Bar } from "./candles";
import type { NewTrade } from "./messages";
import type { Stage, Token } from "./tokens";
import { type Trade, tradeOf } from "./trades";

const BASE = `${process.env.NEXT_PUBLIC_API_URL ?? ""}/api/v1`;

/** The API said no, or could not be asked (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function get<Body>(path: string, signal?: AbortSignal): Promise<Body> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      headers: { accept: "application/json" },
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The API does not answer. Is it running?");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const words = [problem.detail ?? `The API answered ${response.status}`, problem.hint].filter(Boolean);
  throw new ApiError(response.status, `${words.join(". ")}.`);
}

interface Page<Item> {
  items: Item[];
}

type TradeJson = Omit<NewTrade, "commitment"> & { seq: number };

/** api/schemas.py: Token. */
interface TokenJson {
  mint: string;
  program: string;
  name: string | null;
  symbol: string | null;
  creator: string | null;
  pool: string | null;
  uri: string | null;
  quote_mint: string | null;
  decimals: number | null;
  supply: string | null;
  created_at: number | null;
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
  real_base_reserves: string | null;
  real_quote_reserves: string | null;
  trades: number;
  volume_quote: string;
  last_trade_at: number | null;
  completed_slot: number | null;
  migrated_slot: number | null;
  first_seq: number;
  seq: number;
}

/** api/schemas.py: Candle. */
interface CandleJson {
  start: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume_quote: string;
  trades: number;
  last_seq: number;
}

function stageOf(json: TokenJson): Stage {
  if (json.migrated_slot !== null) return "migrated";
  return json.completed_slot !== null ? "completed" : "curve";
}

function tokenOf(json: TokenJson): Token {
  return {
    mint: json.mint,
    program: json.program,
    name: json.name,
    symbol: json.symbol,
    creator: json.creator,
    pool: json.pool,
    uri: json.uri,
    quoteMint: json.quote_mint,
    decimals: json.decimals ?? 6,
    supply: json.supply,
    createdAt: json.created_at,
    price: json.price,
    marketCap: json.market_cap,
    progressBps: json.curve_progress_bps,
    realBase: json.real_base_reserves,
    realQuote: json.real_quote_reserves,
    trades: json.trades,
    volume: BigInt(json.volume_quote),
    lastTradeAt: json.last_trade_at,
    lastSide: null,
    lastQuote: null,
    stage: stageOf(json),
    trend: 0,
    firstSeq: json.first_seq,
    seq: json.seq,
  };
}

function barOf(json: CandleJson, quoteDecimals: number): Bar {
  return {
    start: json.start,
    open: Number(json.open),
    high: Number(json.high),
    low: Number(json.low),
    close: Number(json.close),
    volume: Number(json.volume_quote) / 10 ** quoteDecimals,
    trades: json.trades,
    seq: json.last_seq,
  };
}

/** What a room's snapshot holds (api/schemas.py: RoomData). */
export interface RoomState {
  tokens: Token[];
  trades: Trade[];
}

export function roomStateOf(data: unknown): RoomState {
  const { token, tokens, trades } = data as {
    token?: TokenJson | null;
    tokens?: TokenJson[];
    trades?: TradeJson[];
  };
  return { tokens: (tokens ?? (token ? [token] : [])).map(tokenOf), trades: (trades ?? []).map(tradeOfJson) };
}

function tradeOfJson(json: TradeJson): Trade {
  return tradeOf(json, json.seq);
}

/** The newest tokens. */
export async function fetchTokens(limit: number, signal?: AbortSignal): Promise<Token[]> {
  const { items } = await get<Page<TokenJson>>(`/tokens?limit=${limit}`, signal);
  return items.map(tokenOf);
}

export async function fetchToken(mint: string, signal?: AbortSignal): Promise<Token> {
  return tokenOf(await get<TokenJson>(`/tokens/${mint}`, signal));
}

/** The newest trades of a token, newest first. */
export async function fetchTrades(mint: string, limit: number, signal?: AbortSignal): Promise<Trade[]> {
  const { items } = await get<Page<TradeJson>>(`/tokens/${mint}/trades?limit=${limit}`, signal);
  return items.map(tradeOfJson);
}

/** The newest bars of a minute, ascending. */
export async function fetchMinutes(
  mint: string,
  quoteDecimals: number,
  signal?: AbortSignal,
): Promise<Bar[]> {
  const { items } = await get<Page<CandleJson>>(`/tokens/${mint}/candles?interval=1m&limit=200`, signal);
  return items.map((json) => barOf(json, quoteDecimals)).sort((a, b) => a.start - b.start);
}
