/** Trades that one looks for in a chart: the creator's, and one's own. */

import { merged, type Trade } from "./trades";

export interface Mark {
  /** Unix seconds. */
  time: number;
  side: "buy" | "sell";
  whose: "creator" | "me";
}

const KEPT = 200;

/** Of `history` and the live trades, those by `creator` or `me`, ascending. */
export function marksOf(
  history: readonly Trade[],
  trades: readonly Trade[],
  { creator, me }: { creator: string | null; me: string | null },
): Mark[] {
  const isWanted = ({ wallet }: Trade) => wallet !== null && (wallet === creator || wallet === me);
  const chosen = merged(history.filter(isWanted), trades.filter(isWanted), KEPT);
  return chosen.toReversed().flatMap(({ time, side, wallet }) => {
    return time === null
      ? []
      : [{ time, side, whose: wallet === me ? ("me" as const) : ("creator" as const) }];
  });
}

/** One mark per bar, side and person is enough: `time` becomes the start of its bar of `intervalS` seconds. */
export function atBars(marks: readonly Mark[], intervalS: number): Mark[] {
  const byPlace = new Map<string, Mark>();
  for (const mark of marks) {
    const time = mark.time - (mark.time % intervalS);
    byPlace.set(`${time}${mark.side}${mark.whose}`, { ...mark, time });
  }
  return [...byPlace.values()];
}
