/** Bars of a chart: folded from trades in the browser, or taken from the API and continued by the feed. */

/** Prices as numbers: for drawing. `volume` is in whole quote tokens; `start` is unix seconds. */
export interface Bar {
  start: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  /** seq of the newest trade in it; 0: not known. */
  seq: number;
}

/** What a bar is made of. */
export interface PricedTrade {
  seq: number;
  /** Unix seconds. */
  time: number;
  price: number;
  volume: number;
}

/**
 * `bars` with one more trade; the given array is not changed. Bars are ascending, a trade that a bar has
 * already counted (by its seq) is left out, and a late one goes into the bar it belongs to.
 */
export function withTrade(bars: readonly Bar[], trade: PricedTrade, intervalS: number): readonly Bar[] {
  const start = trade.time - (trade.time % intervalS);
  let index = bars.length;
  while (index > 0 && (bars[index - 1] as Bar).start > start) index -= 1;
  const bar = bars[index - 1];
  if (bar?.start !== start) return bars.toSpliced(index, 0, barOf(trade, start));
  if (trade.seq && trade.seq <= bar.seq) return bars;
  return bars.with(index - 1, {
    ...bar,
    high: Math.max(bar.high, trade.price),
    low: Math.min(bar.low, trade.price),
    close: trade.price,
    volume: bar.volume + trade.volume,
    trades: bar.trades + 1,
    seq: Math.max(bar.seq, trade.seq),
  });
}

function barOf({ seq, price, volume }: PricedTrade, start: number): Bar {
  return { start, open: price, high: price, low: price, close: price, volume, trades: 1, seq };
}

/** Bars of trades given oldest first. */
export function barsOf(trades: Iterable<PricedTrade>, intervalS: number): readonly Bar[] {
  let bars: readonly Bar[] = [];
  for (const trade of trades) bars = withTrade(bars, trade, intervalS);
  return bars;
}

/**
 * For drawing: every bar opens where the one before closed. On a curve only trades move the price, so that is
 * the price the interval began with, and a bar of one trade shows its move instead of a dash.
 */
export function connected(bars: readonly Bar[]): Bar[] {
  let before: Bar | undefined;
  return bars.map((bar) => {
    const open = before?.close ?? bar.open;
    before = bar;
    return { ...bar, open, high: Math.max(bar.high, open), low: Math.min(bar.low, open) };
  });
}

/** The same bars with other prices and another volume: market cap, dollars. */
export function scaled(bars: readonly Bar[], price: number, volume: number): readonly Bar[] {
  if (price === 1 && volume === 1) return bars;
  return bars.map((bar) => ({
    ...bar,
    open: bar.open * price,
    high: bar.high * price,
    low: bar.low * price,
    close: bar.close * price,
    volume: bar.volume * volume,
  }));
}
