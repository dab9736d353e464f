// node scripts/measure.mjs BASE MINT SECONDS: how a token's open page bears what is traded meanwhile, in Chromium.
// One JSON line: frames a second (median and worst second), the longest task, trades shown, and the heap after a
// collection of garbage, at the beginning and at the end.
import { inBrowser, waitFor } from "../e2e/browser.mjs";

const [base, mint, seconds] = process.argv.slice(2);
const WITHIN_MS = 60_000;
/** Code is compiled and lists are filled: what grows from here on would grow for ever. */
const WARM_MS = 20_000;
const MIB = 2 ** 20;

function watch() {
  const seen = { frames: [], longest: 0, tasks: 0 };
  globalThis.seen = seen;
  let [second, count] = [Math.floor(performance.now() / 1000), 0];
  const frame = (now) => {
    const current = Math.floor(now / 1000);
    if (current === second) count += 1;
    else {
      seen.frames.push(count);
      for (let missed = second + 1; missed < current; missed += 1) seen.frames.push(0);
      [second, count] = [current, 1];
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      seen.tasks += 1;
      seen.longest = Math.max(seen.longest, duration);
    }
  }).observe({ entryTypes: ["longtask"] });
}

async function heapMib(session) {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize / MIB;
}

function tradesOf(page) {
  const text = page.locator("dt", { hasText: /^Trades$/ }).locator("xpath=../dd");
  return text.textContent().then((found) => Number(found.replaceAll(/\D/g, "")));
}

await inBrowser(`${base}/trade/?mint=${mint}`, async (page) => {
  await waitFor(page, '[data-connection="live"]', "live connection", WITHIN_MS);
  await waitFor(page, "canvas", "chart", WITHIN_MS);
  const session = await page.context().newCDPSession(page);
  await page.waitForTimeout(WARM_MS);
  const heap_start_mib = await heapMib(session);
  const before = await tradesOf(page);
  await page.evaluate(watch);
  await page.waitForTimeout(Number(seconds) * 1000);
  const { frames, longest, tasks } = await page.evaluate(() => globalThis.seen);
  const trades = (await tradesOf(page)) - before;
  const heap_end_mib = await heapMib(session);
  const sorted = frames.slice(1).sort((a, b) => a - b);
  return {
    frames_median: sorted[Math.floor(sorted.length / 2)],
    frames_worst: sorted[0],
    frames_p05: sorted[Math.floor(sorted.length / 20)],
    longest_task_ms: Math.round(longest),
    long_tasks: tasks,
    trades_per_s: Math.round(trades / Number(seconds)),
    heap_start_mib,
    heap_end_mib,
    nodes: await page.evaluate(() => document.querySelectorAll("*").length),
  };
});
