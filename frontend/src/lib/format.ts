/** Numbers, ages and keys as people read them. Amounts come as decimal strings or bigints and stay exact. */

/** A price cut into what is written at full size, and, for tiny ones, how many zeros are written small. */
export interface PriceParts {
  /** Everything before the small zeros; the whole text if there are none. */
  head: string;
  /** Zeros behind the point that `head`'s last one stands for; 0: none. */
  zeros: number;
  /** Digits behind the small zeros. */
  tail: string;
}

const SIGNIFICANT = 4;
/** Behind the point, for a price that was a number. */
export const PRICE_DECIMALS = 18;
const ZEROS_WRITTEN_OUT = 3;
export const MISSING = "–";

/** `text` is plain decimal notation, such as "0.0000000248". */
export function priceParts(text: string): PriceParts {
  const isNegative = text.startsWith("-");
  const sign = isNegative ? "-" : "";
  const [whole = "0", fraction = ""] = text.slice(isNegative ? 1 : 0).split(".");
  if (/[1-9]/.test(whole)) {
    return { head: sign + grouped(Number(`${whole}.${fraction || "0"}`)), zeros: 0, tail: "" };
  }
  const zeros = /^0*/.exec(fraction)?.[0].length ?? 0;
  const rest = fraction.slice(zeros);
  if (!rest) return { head: "0", zeros: 0, tail: "" };
  const { digits, hasCarried } = roundDigits(rest, SIGNIFICANT);
  const left = hasCarried ? zeros - 1 : zeros;
  if (left < 0) return { head: `${sign}1`, zeros: 0, tail: "" };
  if (left <= ZEROS_WRITTEN_OUT) return { head: `${sign}0.${"0".repeat(left)}${digits}`, zeros: 0, tail: "" };
  return { head: `${sign}0.0`, zeros: left, tail: digits };
}

/** The first `count` digits, rounded half up, without trailing zeros; carried when 999… became 1. */
function roundDigits(text: string, count: number): { digits: string; hasCarried: boolean } {
  let digits = text;
  let hasCarried = false;
  if (text.length > count) {
    const up = (text[count] ?? "0") >= "5" ? 1n : 0n;
    digits = (BigInt(text.slice(0, count)) + up).toString().padStart(count, "0");
    hasCarried = digits.length > count;
  }
  return { digits: digits.replace(/0+$/, "") || "0", hasCarried };
}

const SMALL_DIGITS = "₀₁₂₃₄₅₆₇₈₉";

/** A price in one string, its zeros as Unicode subscripts: for axes and titles, where there is no markup. */
export function priceText(text: string | null): string {
  if (text === null) return MISSING;
  const { head, zeros, tail } = priceParts(text);
  const small = [...String(zeros)].map((digit) => SMALL_DIGITS[Number(digit)]).join("");
  return zeros ? head + small + tail : head;
}

const UNITS: [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];

/** One per number of decimals: making one costs a hundred times what using it does. */
const WRITERS = [0, 1, 2, 3].map(
  (maximumFractionDigits) => new Intl.NumberFormat("en-US", { maximumFractionDigits }),
);
const CENTS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function rounded(value: number, decimals: 0 | 1 | 2 | 3): string {
  return (WRITERS[decimals] as Intl.NumberFormat).format(value);
}

/** A number of things: 1234 → "1,234". */
export function count(value: number): string {
  return rounded(value, 0);
}

/** At most four digits behind the point, and thousands apart. */
function grouped(value: number): string {
  return rounded(value, value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3);
}

/** 1234567 → "1.23M"; below 10,000 in full; what is too small to see is "<0.001". */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001) return value < 0 ? ">-0.001" : "<0.001";
  if (size < 10_000) return grouped(value);
  const [unit, name] = UNITS.find(([least]) => size >= least) ?? [1, ""];
  const scaled = value / unit;
  return rounded(scaled, Math.abs(scaled) >= 100 ? 0 : Math.abs(scaled) >= 10 ? 1 : 2) + name;
}

/** Base units as a decimal string of whole tokens: exact. */
export function inWholeTokens(units: string | bigint, decimals: number): string {
  const value = BigInt(units);
  const sign = value < 0n ? "-" : "";
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return sign + (fraction ? `${whole}.${fraction}` : whole);
}

/** Base units, short. */
export function amount(units: string | bigint | null, decimals: number): string {
  return units === null ? MISSING : compact(Number(inWholeTokens(units, decimals)));
}

/** 4312 → "43.1%"; only a full curve is "100%". */
export function percent(bps: number): string {
  if (bps >= 10_000) return "100%";
  return `${Math.min(99.9, bps / 100).toFixed(1)}%`;
}

/** 1234 → "+12.3%", -50 → "-0.50%": a change in basis points. */
export function change(bps: number): string {
  const share = bps / 100;
  const size = Math.abs(share);
  const text = size >= 1_000 ? compact(size) : size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return `${share > 0 ? "+" : share < 0 ? "-" : ""}${text}%`;
}

/** "$12.3K"; prices far below a cent keep their digits. */
export function dollars(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? "-" : "";
  if (size > 0 && size < 0.01) return `${sign}$${priceText(size.toFixed(PRICE_DECIMALS))}`;
  if (size < 10_000) return `${sign}$${size < 1_000 ? CENTS.format(size) : count(size)}`;
  return `${sign}$${compact(size)}`;
}

/** Seconds as "now", "12s", "5m", "3h", "2d". */
export function age(seconds: number): string {
  if (seconds < 1) return "now";
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A key by its two ends. */
export function shortKey(key: string): string {
  return key.length <= 9 ? key : `${key.slice(0, 4)}…${key.slice(-4)}`;
}

const QUOTES: Record<string, [symbol: string, decimals: number]> = {
  So11111111111111111111111111111111111111112: ["SOL", 9],
  EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v: ["USDC", 6],
  Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB: ["USDT", 6],
};

/** Symbol and decimals of a quote mint; an unknown one by the ends of its key, with SOL's decimals. */
export function quoteOf(mint: string | null): { symbol: string; decimals: number } {
  const [symbol, decimals] = QUOTES[mint ?? ""] ?? [mint ? shortKey(mint) : "SOL", 9];
  return { symbol, decimals };
}
