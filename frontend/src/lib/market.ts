/** What the first page shows, and what each event makes of it. Pure. */

import type { NewTrade, TokenCreated } from "./messages";
import { createdToken, type Token, type Tokens, withLoaded, withToken, withTraded } from "./tokens";
import { merged, type Trade, tradeOf, without } from "./trades";

const TOKENS_KEPT = 600;
const TAPE_LENGTH = 40;
export const PULSE_S = 60;

/** What happened in one second, by our clock. */
export interface Beat {
  second: number;
  trades: number;
  created: number;
  /** Quote units. */
  volume: bigint;
}

export interface Market {
  tokens: Tokens;
  /** The newest trades of all tokens. */
  tape: readonly Trade[];
  /** The seconds of the last minute in which something happened, ascending. */
  pulse: readonly Beat[];
  /** The second from which on `pulse` is complete. */
  since: number;
}

export const EMPTY_MARKET: Market = {
  tokens: new Map(),
  tape: [],
  pulse: [],
  since: Number.POSITIVE_INFINITY,
};

function beaten(pulse: readonly Beat[], second: number, more: Partial<Beat>): readonly Beat[] {
  const last = pulse.at(-1);
  const isSame = last !== undefined && last.second === second;
  const beat = isSame ? last : { second, trades: 0, created: 0, volume: 0n };
  const next = {
    second,
    trades: beat.trades + (more.trades ?? 0),
    created: beat.created + (more.created ?? 0),
    volume: beat.volume + (more.volume ?? 0n),
  };
  const kept = (isSame ? pulse.slice(0, -1) : pulse).filter((beat) => beat.second > second - PULSE_S);
  return [...kept, next];
}

export function created(market: Market, data: TokenCreated, seq: number, second: number): Market {
  const token = createdToken(data, seq);
  const known = market.tokens.get(token.mint);
  const tokens = known && known.seq >= seq ? market.tokens : withToken(market.tokens, token, TOKENS_KEPT);
  return { ...market, tokens, pulse: beaten(market.pulse, second, { created: 1 }) };
}

export function traded(market: Market, data: NewTrade, seq: number, second: number): Market {
  const trade = tradeOf(data, seq);
  return {
    ...market,
    tokens: withTraded(market.tokens, trade, data.program, TOKENS_KEPT),
    tape: merged(market.tape, [trade], TAPE_LENGTH),
    pulse: beaten(market.pulse, second, { trades: 1, volume: BigInt(trade.quote) }),
  };
}

export function changed(market: Market, mint: string, change: (token: Token) => Token): Market {
  const token = market.tokens.get(mint);
  return token ? { ...market, tokens: withToken(market.tokens, change(token), TOKENS_KEPT) } : market;
}

export function loaded(market: Market, tokens: readonly Token[]): Market {
  return { ...market, tokens: withLoaded(market.tokens, tokens, TOKENS_KEPT) };
}

/** The room's own state; `second` is now. The first one also tells what happened just before. */
export function joined(
  market: Market,
  tokens: readonly Token[],
  trades: readonly Trade[],
  second: number,
): Market {
  const tape = merged(trades, market.tape, TAPE_LENGTH).slice(0, TAPE_LENGTH);
  const known = {
    ...market,
    tokens: withLoaded(market.tokens, tokens.map(withLast(trades)), TOKENS_KEPT),
    tape,
  };
  return market.since <= second ? known : { ...known, ...historyOf(tokens, trades, second) };
}

/** REST's rows do not tell the side of the last trade; the trades do. */
function withLast(trades: readonly Trade[]): (token: Token) => Token {
  const bySeq = new Map(trades.map((trade) => [trade.seq, trade]));
  return (token) => {
    const last = bySeq.get(token.seq);
    return last?.mint === token.mint ? { ...token, lastSide: last.side, lastQuote: last.quote } : token;
  };
}

/** The last minute, as far back as the trades at hand reach. */
function historyOf(tokens: readonly Token[], trades: readonly Trade[], second: number) {
  const since = Math.max(second - PULSE_S, trades.at(-1)?.time ?? second);
  const happened = [
    ...trades.map(({ time, quote }) => ({ time, more: { trades: 1, volume: BigInt(quote) } })),
    ...tokens.map(({ createdAt }) => ({ time: createdAt, more: { created: 1 } })),
  ].filter(({ time }) => time !== null && time > since && time <= second);
  happened.sort((a, b) => (a.time ?? 0) - (b.time ?? 0));
  const pulse = happened.reduce<readonly Beat[]>(
    (beats, { time, more }) => beaten(beats, time ?? 0, more),
    [],
  );
  return { pulse, since };
}

export function retracted(market: Market, seq: number): Market {
  return { ...market, tape: without(market.tape, seq) };
}
