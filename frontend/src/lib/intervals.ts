/** Lengths of a chart's bars. */

import type { Token } from "./tokens";

/** Names are REST's. */
export const INTERVALS = [
  ["1s", 1],
  ["15s", 15],
  ["1m", 60],
  ["5m", 300],
  ["15m", 900],
  ["1h", 3_600],
  ["4h", 14_400],
  ["1d", 86_400],
] as const;

export type Interval = (typeof INTERVALS)[number][0];

const GOOD_COUNT = 120;

export function secondsOf(interval: Interval): number {
  return INTERVALS.find(([name]) => name === interval)?.[1] ?? 60;
}

/** Fine bars for a token that is minutes old, so that its chart is more than three candles. */
export function fitting({ createdAt, lastTradeAt }: Token): Interval {
  const life =
    createdAt === null || lastTradeAt === null ? Number.POSITIVE_INFINITY : lastTradeAt - createdAt;
  return INTERVALS.slice(0, 3).find(([, seconds]) => life / seconds <= GOOD_COUNT)?.[0] ?? "1m";
}
