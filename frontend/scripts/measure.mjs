// node scripts/measure.mjs BASE MINT SECONDS: how a token's open page bears what is traded meanwhile, in Chromium.
// One JSON line: when there first was something to see; frames a second (mean, median, worst), beside those of an
// empty page in the same browser a moment before, which is what this machine can; the longest task, as it lasted and
// as it computed; how much of a core the page's thread uses; trades shown; the heap after a collection of garbage, at
// the beginning and at the end.
import { readdirSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { Failure, inBrowser, waitFor } from "../e2e/browser.mjs";

const [base, mint, seconds] = process.argv.slice(2);
const WITHIN_MS = 60_000;
const BLANK_MS = 10_000;
const TRACED_MS = 10_000;
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

/** Chromium gives its threads priorities of its own: with these, a `nice -n -15` before this command reaches them. */
async function hurry(page) {
  const session = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  for (const { id } of getPriority() < 0 ? processInfo : [])
    for (const thread of readdirSync(`/proc/${id}/task`)) setPriority(Number(thread), getPriority());
}

/** Of the seconds watched, the first of which is not a whole one. */
function rates(frames) {
  const whole = frames.slice(1).sort((a, b) => a - b);
  const mean = whole.reduce((sum, one) => sum + one, 0) / whole.length;
  return { mean, median: whole[Math.floor(whole.length / 2)], worst: whole[0] };
}

/** What a page that does nothing gets here and now. */
async function blank(context) {
  const page = await context.newPage();
  await hurry(page);
  await page.evaluate(watch);
  await page.waitForTimeout(BLANK_MS);
  const { frames } = await page.evaluate(() => globalThis.seen);
  await page.close();
  return rates(frames);
}

/** Seconds that the page's thread has computed. */
async function computedS(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration").value;
}

/** The longest task of the page's thread, in milliseconds that it computed: waiting for a processor is not in it. */
async function longestComputedMs(page) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
  await page.waitForTimeout(TRACED_MS);
  const { traceEvents } = JSON.parse(await browser.stopTracing());
  const threads = traceEvents.filter(
    ({ name, args }) => name === "thread_name" && args.name === "CrRendererMain",
  );
  const isPage = new Set(threads.map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(
    ({ ph, tdur, pid, tid }) => ph === "X" && tdur && isPage.has(`${pid} ${tid}`),
  );
  if (tasks.length === 0) throw new Failure("the trace has no tasks of the page");
  return Math.max(...tasks.map(({ tdur }) => tdur)) / 1000;
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
  const [{ startTime: first_content_ms }] = await page.evaluate(() =>
    performance.getEntriesByName("first-contentful-paint").map((entry) => entry.toJSON()),
  );
  const empty = await blank(page.context());
  await page.bringToFront();
  await hurry(page);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.waitForTimeout(WARM_MS);
  const heap_start_mib = await heapMib(session);
  const before = await tradesOf(page);
  const computed = await computedS(session);
  await page.evaluate(watch);
  await page.waitForTimeout(Number(seconds) * 1000);
  const { frames, longest, tasks } = await page.evaluate(() => globalThis.seen);
  const cpu_share = ((await computedS(session)) - computed) / Number(seconds);
  const trades = (await tradesOf(page)) - before;
  const heap_end_mib = await heapMib(session);
  const longest_computed_ms = await longestComputedMs(page);
  return {
    first_content_ms,
    longest_computed_ms,
    frames: rates(frames),
    empty,
    cpu_share,
    longest_task_ms: Math.round(longest),
    long_tasks: tasks,
    trades_per_s: Math.round(trades / Number(seconds)),
    heap_start_mib,
    heap_end_mib,
    nodes: await page.evaluate(() => document.querySelectorAll("*").length),
  };
});
