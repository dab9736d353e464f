import { describe, expect, test } from "vitest";
import {
  age,
  amount,
  compact,
  inWholeTokens,
  percent,
  priceParts,
  priceText,
  quoteOf,
  shortKey,
} from "@/lib/format";

describe("a price", () => {
  test.each([
    ["0.0000000279589996", "0.0₇2796"],
    ["0.00000002", "0.0₇2"],
    ["0.0000999960", "0.0001"],
    ["0.00009999", "0.0₄9999"],
    ["0.0001234567", "0.0001235"],
    ["0.04567", "0.04567"],
    ["0.99999", "1"],
    ["0.09999999", "0.1"],
    ["1.5", "1.5"],
    ["12.3456", "12.35"],
    ["123456.789", "123,457"],
    ["0", "0"],
    ["0.000", "0"],
    ["-0.0000000248", "-0.0₇248"],
    ["0.000000000000000000123456", "0.0₁₈1235"],
  ])("of %s is written %s", (price, written) => {
    expect(priceText(price)).toBe(written);
  });

  test("keeps digits that a float would lose", () => {
    expect(priceParts("0.00000000000000000000000000000000123449")).toEqual({
      head: "0.0",
      zeros: 32,
      tail: "1234",
    });
  });

  test("that is not known is a dash", () => {
    expect(priceText(null)).toBe("–");
  });
});

describe("an amount", () => {
  test.each([
    ["1", 9, "0.000000001"],
    ["1000000000", 9, "1"],
    ["18446744073709551615", 6, "18446744073709.551615"],
    ["0", 6, "0"],
    ["5", 0, "5"],
    ["-1500", 3, "-1.5"],
  ])("of %s units with %i decimals is exactly %s", (units, decimals, whole) => {
    expect(inWholeTokens(units, decimals)).toBe(whole);
  });

  test.each([
    ["35765142847", 6, "35.8K"],
    ["31000000", 9, "0.031"],
    ["1", 9, "<0.001"],
    ["0", 9, "0"],
    ["9999999999999", 9, "10,000"],
    ["793100000000000", 6, "793M"],
    ["1000000000000000", 6, "1B"],
  ])("of %s units with %i decimals is short for %s", (units, decimals, short) => {
    expect(amount(units, decimals)).toBe(short);
  });

  test.each([
    [-1234567, "-1.23M"],
    [0.5, "0.5"],
    [123.456, "123.5"],
    [10_000, "10K"],
    [2.5e12, "2.5T"],
  ])("of %d is short for %s", (value, short) => {
    expect(compact(value)).toBe(short);
  });
});

test("only a full curve is a hundred percent", () => {
  expect([0, 1, 4312, 9_996, 9_999, 10_000].map(percent)).toEqual([
    "0.0%",
    "0.0%",
    "43.1%",
    "99.9%",
    "99.9%",
    "100%",
  ]);
});

test("an age is told in its largest unit", () => {
  expect([0, 0.9, 1, 59, 60, 3_599, 3_600, 86_399, 86_400, 1e6].map(age)).toEqual([
    "now",
    "now",
    "1s",
    "59s",
    "1m",
    "59m",
    "1h",
    "23h",
    "1d",
    "11d",
  ]);
});

test("a key is told by its ends", () => {
  expect(shortKey("9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin")).toBe("9xQe…VFin");
  expect(shortKey("short")).toBe("short");
});

test("a quote mint that is not known is told by its key", () => {
  expect(quoteOf(null).symbol).toBe("SOL");
  expect(quoteOf("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")).toEqual({ symbol: "USDC", decimals: 6 });
  expect(quoteOf("9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin").symbol).toBe("9xQe…VFin");
});
