// node e2e/outage.mjs BASE MINT: one token in two tabs while the network and the server go away. Speaks with the
// test by lines of JSON: it prints {"at": step}, the test answers with any line when its part is done.
//
//   watching   both tabs are live
//   hidden     (the test trades) the second tab was in the background meanwhile
//   asleep     (the test trades until the hub has given both tabs up) the browser stood still
//   offline    (the test trades) the network was away
//   down       (the test kills the server, trades, starts it again)
//
// Ends with {"rows": signatures in the first tab, "second": in the second, "kept": nothing ever left the screen}.
import { createInterface } from "node:readline";
import { Failure, inBrowser, waitFor } from "./browser.mjs";

const WITHIN_MS = 90_000;
const [base, mint] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Tell the test where we are; what it answers, once it has done its part. */
async function told(at) {
  console.log(JSON.stringify({ at }));
  const { value, done } = await answers.next();
  if (done) throw new Failure(`the test ended at ${at}`);
  return JSON.parse(value);
}

function rowsOf(page) {
  return page.locator("tr[data-signature]").evaluateAll((rows) => rows.map((row) => row.dataset.signature));
}

/** Wait until every one of these signatures is in the table. */
async function shows(page, signatures, when) {
  for (const signature of signatures)
    await waitFor(page, `tr[data-signature="${signature}"]`, `trade made while ${when}`, WITHIN_MS);
}

function live(page) {
  return waitFor(page, '[data-connection="live"]', "live connection", WITHIN_MS);
}

/** Do `meanwhile` while every process of the browser stands still, as on a machine that sleeps. */
async function asleep(page, meanwhile) {
  const session = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const signal = (name) => {
    for (const { id } of processInfo) process.kill(id, name);
  };
  signal("SIGSTOP");
  try {
    return await meanwhile();
  } finally {
    signal("SIGCONT");
  }
}

await inBrowser(`${base}/trade/?mint=${mint}`, async (page) => {
  const second = await page.context().newPage();
  await second.goto(`${base}/trade/?mint=${mint}`, { waitUntil: "domcontentloaded" });
  await live(page);
  await live(second);
  const seen = new Set();
  let kept = true;
  const look = async () => {
    const rows = await rowsOf(page);
    kept &&= [...seen].every((signature) => rows.includes(signature));
    for (const signature of rows) seen.add(signature);
  };
  await shows(page, await told("watching"), "watching");
  await look();
  await page.bringToFront(); // the second one is in the background from here on
  await shows(page, await told("hidden"), "the other tab was hidden");
  await look();
  await shows(page, await asleep(page, () => told("asleep")), "the machine slept");
  await live(page);
  await look();
  await page.context().setOffline(true);
  const offline = await told("offline");
  await look();
  await page.context().setOffline(false);
  await shows(page, offline, "offline");
  await live(page);
  await look();
  const down = told("down");
  await waitFor(page, '[data-connection="reconnecting"]', "sign of the outage", WITHIN_MS);
  await look(); // what was there stays on the screen
  await shows(page, await down, "the server was away");
  await live(page);
  await look();
  await second.bringToFront();
  await live(second);
  await shows(second, [...seen], "it was in the background");
  return { rows: await rowsOf(page), second: await rowsOf(second), kept };
});
