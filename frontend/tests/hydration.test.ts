import { beforeEach, expect, test, vi } from "vitest";

type Hydration = typeof import("@/lib/hydration");
let hydration: Hydration;

beforeEach(async () => {
  vi.resetModules();
  hydration = await import("@/lib/hydration");
});

test("where the page does not come to life in pieces, everything may be rendered", () => {
  expect(hydration.isInPieces()).toBe(false);
  expect(hydration.turnOf("chart")).toBeNull();
  expect(hydration.isAlive()).toBe(true);
});

test("pieces have their turns one after the other, and keep them", async () => {
  hydration.begin();
  const turns = ["chart", "trades"].map((name) => hydration.turnOf(name));
  expect(hydration.turnOf("chart")).toBe(turns[0]);
  hydration.reachedEnd();
  await turns[0];
  expect(hydration.turnOf("chart")).toBeNull();
  expect(hydration.turnOf("trades")).toBe(turns[1]);
  await turns[1];
  expect(hydration.turnOf("trades")).toBeNull();
});

test("the page lives when its end is reached and every piece lives", async () => {
  hydration.begin();
  const turn = hydration.turnOf("chart");
  const heard = vi.fn();
  hydration.watchAlive(heard);
  hydration.reachedEnd();
  await turn;
  expect(hydration.isAlive()).toBe(false);
  await hydration.alive();
  expect(hydration.isAlive()).toBe(true);
  expect(heard).toHaveBeenCalledTimes(1);
  expect(hydration.turnOf("what comes later")).toBeNull();
});
