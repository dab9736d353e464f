/** What the page of one token shows, and what each event makes of it. Pure. */

import { type Bar, barsOf, type PricedTrade, withTrade } from "./candles";
import { quoteOf } from "./format";
import type { Bars } from "./history";
import type { NewTrade } from "./messages";
import { afterTrade, atStage, type Token, withDerived } from "./tokens";
import { merged, type Trade, tradeOf, without } from "./trades";

const TRADES_KEPT = 500;
const BARS_KEPT = 1_000;

export interface TokenPage {
  /** Null until REST or the feed has told of it. */
  token: Token | null;
  trades: readonly Trade[];
  bars: readonly Bar[];
  /** Length of these bars, in seconds. */
  intervalS: number;
}

export const EMPTY_PAGE: TokenPage = { token: null, trades: [], bars: [], intervalS: 60 };

/** The part of a trade that bars are made of; null where its price or time is not known. */
export function priced(trade: Trade): PricedTrade | null {
  if (trade.price === null || trade.time === null) return null;
  const volume = Number(trade.quote) / 10 ** quoteOf(trade.quoteMint).decimals;
  return { seq: trade.seq, time: trade.time, price: Number(trade.price), volume };
}

function withBar(bars: readonly Bar[], trade: Trade, intervalS: number): readonly Bar[] {
  const point = priced(trade);
  if (!point) return bars;
  const next = withTrade(bars, point, intervalS);
  return next.length > BARS_KEPT ? next.slice(-BARS_KEPT) : next;
}

export function traded(page: TokenPage, data: NewTrade, seq: number): TokenPage {
  const trade = tradeOf(data, seq);
  return {
    ...page,
    token: page.token && afterTrade(page.token, trade),
    trades: merged(page.trades, [trade], TRADES_KEPT),
    bars: withBar(page.bars, trade, page.intervalS),
  };
}

/** The room's own state: the token and its newest trades. */
export function joined(page: TokenPage, token: Token | null, trades: readonly Trade[]): TokenPage {
  return token ? loaded(page, token, merged(page.trades, trades, TRADES_KEPT)) : page;
}

/** REST's answer, and on top of it what the feed has said that REST did not know yet. */
export function loaded(page: TokenPage, token: Token, trades: readonly Trade[]): TokenPage {
  const later = page.trades.filter((trade) => trade.seq > token.seq).reverse();
  return {
    ...page,
    token: later.reduce(afterTrade, withDerived(token, page.token)),
    trades: merged(trades, later, TRADES_KEPT),
  };
}

/** Bars of another length, or the same ones anew: REST's, and on top of them the trades it did not know yet. */
export function charted(page: TokenPage, { bars, seq }: Bars, intervalS: number): TokenPage {
  const later = page.trades.filter((trade) => trade.seq > seq).reverse();
  return { ...page, intervalS, bars: later.reduce((all, trade) => withBar(all, trade, intervalS), bars) };
}

/** Bars of the trades at hand alone: where REST has none to give. */
export function chartedFromTrades(page: TokenPage, intervalS: number): TokenPage {
  const points = page.trades.toReversed().flatMap((trade) => priced(trade) ?? []);
  return { ...page, intervalS, bars: barsOf(points, intervalS) };
}

export function reached(page: TokenPage, stage: "completed" | "migrated"): TokenPage {
  return page.token ? { ...page, token: atStage(page.token, stage) } : page;
}

export function retracted(page: TokenPage, seq: number): TokenPage {
  return { ...page, trades: without(page.trades, seq) };
}
