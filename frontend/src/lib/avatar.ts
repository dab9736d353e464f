/**
 * A token's picture, made from its mint: the same everywhere, nothing fetched. Two colours and a pattern of a
 * five by five grid, mirrored so that it reads as a figure.
 */

export interface Avatar {
  background: string;
  colour: string;
  /** Cells of the grid that are filled: x and y from 0 to 4. */
  cells: [x: number, y: number][];
}

const GRID = 5;
const HALF = 3;
/** Dark yellows look like mud: hues begin behind them. */
const FIRST_HUE = 135;
const DULL_HUES = 55;

/** 32-bit FNV-1a: small, and spreads similar keys well. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}

export function avatarOf(mint: string): Avatar {
  const bits = hash(mint, 1);
  const hue = (FIRST_HUE + (hash(mint, 2) % (360 - DULL_HUES))) % 360;
  const cells: [number, number][] = [];
  for (let index = 0; index < HALF * GRID; index += 1) {
    if (!((bits >>> index) & 1)) continue;
    const [x, y] = [index % HALF, Math.floor(index / HALF)];
    cells.push([x, y]);
    if (x < HALF - 1) cells.push([GRID - 1 - x, y]);
  }
  return {
    background: `oklch(0.42 0.13 ${hue})`,
    colour: `oklch(0.86 0.13 ${(hue + 50 + (hash(mint, 3) % 60)) % 360})`,
    cells: cells.length ? cells : [[2, 2]],
  };
}
