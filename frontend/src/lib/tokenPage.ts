/** What the page of one token shows, and what each event makes of it. Pure. */

import { type Bar, type PricedTrade, withTrade } from "./candles";
import { quoteOf } from "./format";
import type { NewTrade } from "./messages";
import { afterTrade, atStage, type Token } from "./tokens";
import { merged, type Trade, tradeOf, without } from "./trades";

const TRADES_KEPT = 500;
const MINUTE_S = 60;

export interface TokenPage {
  /** Null until REST or the feed has told of it. */
  token: Token | null;
  trades: readonly Trade[];
  minutes: readonly Bar[];
}

export const EMPTY_PAGE: TokenPage = { token: null, trades: [], minutes: [] };

/** The part of a trade that bars are made of; null where its price or time is not known. */
export function priced(trade: Trade): PricedTrade | null {
  if (trade.price === null || trade.time === null) return null;
  const volume = Number(trade.quote) / 10 ** quoteOf(trade.quoteMint).decimals;
  return { seq: trade.seq, time: trade.time, price: Number(trade.price), volume };
}

function withBar(minutes: readonly Bar[], trade: Trade): readonly Bar[] {
  const point = priced(trade);
  return point ? withTrade(minutes, point, MINUTE_S) : minutes;
}

export function traded(page: TokenPage, data: NewTrade, seq: number): TokenPage {
  const trade = tradeOf(data, seq);
  return {
    token: page.token && afterTrade(page.token, trade),
    trades: merged(page.trades, [trade], TRADES_KEPT),
    minutes: withBar(page.minutes, trade),
  };
}

/** The room's own state: enough to show the token, its newest trades, and no bars. */
export function joined(page: TokenPage, token: Token | null, trades: readonly Trade[]): TokenPage {
  return token ? loaded(page, token, merged(page.trades, trades, TRADES_KEPT), page.minutes) : page;
}

/** REST's answer, and on top of it what the feed has said that REST did not know yet. */
export function loaded(
  page: TokenPage,
  token: Token,
  trades: readonly Trade[],
  minutes: readonly Bar[],
): TokenPage {
  const later = page.trades.filter((trade) => trade.seq > token.seq).reverse();
  return {
    token: later.reduce(afterTrade, token),
    trades: merged(trades, later, TRADES_KEPT),
    minutes: later.reduce(withBar, minutes),
  };
}

export function reached(page: TokenPage, stage: "completed" | "migrated"): TokenPage {
  return page.token ? { ...page, token: atStage(page.token, stage) } : page;
}

export function retracted(page: TokenPage, seq: number): TokenPage {
  return { ...page, trades: without(page.trades, seq) };
}
