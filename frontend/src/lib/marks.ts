/** Trades that one looks for in a chart: the creator's, and one's own. */

import { merged, type Trade } from "./trades";

export interface Mark {
  /** Unix seconds. */
  time: number;
  side: "buy" | "sell";
  whose: "creator" | "me";
}

const KEPT = 200;

/** `history` and the live trades, of which those by `creator` or `me` are marked; ascending. */
export function marksOf(
  history: readonly Trade[],
  trades: readonly Trade[],
  { creator, me }: { creator: string | null; me: string | null },
): Mark[] {
  const isWanted = ({ wallet }: Trade) => wallet !== null && (wallet === creator || wallet === me);
  const chosen = merged(history, trades.filter(isWanted).toReversed(), KEPT);
  return chosen.toReversed().flatMap(({ time, side, wallet }) => {
    return time === null
      ? []
      : [{ time, side, whose: wallet === me ? ("me" as const) : ("creator" as const) }];
  });
}
