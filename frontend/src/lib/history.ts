/** What happened before the page was opened, from the REST API (its /docs describe every field). */

import { get } from "./api";
import type { Bar } from "./candles";
import type { NewTrade } from "./messages";
import { type Figures, figuresOf, type WindowJson } from "./stats";
import type { Stage, Token } from "./tokens";
import { type Trade, tradeOf } from "./trades";

export { ApiError } from "./api";

export interface Page<Item> {
  items: Item[];
  next: string | null;
  meta: { feed_seq: number };
}

export type WireTrade = Omit<NewTrade, "commitment"> & { seq: number; usd?: string | null };

/** api/schemas.py: Token. */
export interface TokenJson {
  mint: string;
  program: string;
  name: string | null;
  symbol: string | null;
  creator: string | null;
  pool: string | null;
  amm_pool?: string | null;
  uri: string | null;
  quote_mint: string | null;
  decimals: number | null;
  supply: string | null;
  flags?: string[];
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
  holders?: number | null;
  image?: string | null;
  usd?: { price: string; source: string; age_s: number } | null;
  windows?: Record<string, WindowJson> | null;
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

/** US dollars of one whole quote token, by what the API says of this token's price. */
function rateOf({ usd, price }: TokenJson): number | null {
  const rate = Number(usd?.price) / Number(price);
  return usd && price && Number.isFinite(rate) && rate > 0 ? rate : null;
}

function hourOf(json: TokenJson): Figures | null {
  const hour = json.windows?.["1h"];
  return hour ? figuresOf(hour) : null;
}

export function tokenOf(json: TokenJson): Token {
  return {
    mint: json.mint,
    program: json.program,
    name: json.name,
    symbol: json.symbol,
    creator: json.creator,
    pool: json.pool,
    ammPool: json.amm_pool ?? null,
    uri: json.uri,
    image: json.image ?? null,
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
    endedSlot: json.migrated_slot ?? json.completed_slot,
    trend: 0,
    holders: json.holders ?? null,
    usdRate: rateOf(json),
    usdSource: json.usd?.source ?? null,
    hour: hourOf(json),
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
    trades?: WireTrade[];
  };
  return { tokens: (tokens ?? (token ? [token] : [])).map(tokenOf), trades: (trades ?? []).map(tradeOfJson) };
}

export function tradeOfJson(json: WireTrade): Trade {
  return tradeOf(json, json.seq);
}

/** Lists of GET /tokens, in the API's own order. */
export type ListName = "new" | "about_to_graduate" | "graduated" | "trending";

export async function fetchTokens(list: ListName, limit: number, signal?: AbortSignal): Promise<Token[]> {
  const { items } = await get<Page<TokenJson>>(`/tokens?list=${list}&limit=${limit}`, signal);
  return items.map(tokenOf);
}

export async function fetchToken(mint: string, signal?: AbortSignal): Promise<Token> {
  return tokenOf(await get<TokenJson>(`/tokens/${mint}`, signal));
}

/** So many of a token's trades, newest first, and where the next ones begin; null: that was the first one ever. */
export async function fetchTradePage(
  mint: string,
  { limit, cursor }: { limit: number; cursor: string | null },
): Promise<{ trades: Trade[]; next: string | null }> {
  const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  const { items, next } = await get<Page<WireTrade>>(`/tokens/${mint}/trades?limit=${limit}${from}`);
  return { trades: items.map(tradeOfJson), next };
}

/** A token's trades, newest first; of one wallet where that is given. */
export async function fetchTrades(
  mint: string,
  { limit, wallet }: { limit: number; wallet?: string },
  signal?: AbortSignal,
): Promise<Trade[]> {
  const of = wallet ? `&wallet=${wallet}` : "";
  const { items } = await get<Page<WireTrade>>(`/tokens/${mint}/trades?limit=${limit}${of}`, signal);
  return items.map(tradeOfJson);
}

/** Bars, ascending, and the position in the feed up to which they count every trade. */
export interface Bars {
  bars: readonly Bar[];
  seq: number;
}

export async function fetchBars(
  mint: string,
  { interval, quoteDecimals }: { interval: string; quoteDecimals: number },
  signal?: AbortSignal,
): Promise<Bars> {
  const path = `/tokens/${mint}/candles?interval=${interval}&limit=200`;
  const { items, meta } = await get<Page<CandleJson>>(path, signal);
  const bars = items.map((json) => barOf(json, quoteDecimals)).sort((a, b) => a.start - b.start);
  return { bars, seq: meta.feed_seq };
}

/** Tokens by mint, symbol or name, best first. */
export async function fetchSearch(text: string, signal?: AbortSignal): Promise<Token[]> {
  const { items } = await get<{ items: TokenJson[] }>(
    `/search?q=${encodeURIComponent(text)}&limit=8`,
    signal,
  );
  return items.map(tokenOf);
}
