/** When to dial again after a connection is gone. */

/** Close codes after which dialling again cannot help (docs/protocol.md). */
const FINAL = new Set([1000, 1003, 1007, 1009, 4400, 4403, 4410, 4442]);
const LEAST_MS: Record<number, number> = { 1013: 5_000, 4443: 30_000 };
const FIRST_MS = 500;
const MOST_MS = 20_000;
const RESTART_MS = 10_000;

/**
 * Milliseconds to wait, or null to stop. Full jitter: the wait is uniform between nothing and a bound that
 * doubles from 0.5 s to 20 s, so that thousands of clients do not come back together.
 */
export function delayAfter(
  code: number,
  attempt: number,
  random: () => number,
  range?: [number, number],
): number | null {
  if (FINAL.has(code)) return null;
  if (range) return range[0] + random() * (range[1] - range[0]);
  if (code === 1001 || code === 1012) return random() * RESTART_MS;
  const bound = Math.min(MOST_MS, FIRST_MS * 2 ** attempt);
  return (LEAST_MS[code] ?? 0) + random() * bound;
}
