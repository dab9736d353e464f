// node e2e/trade.mjs BASE MINT PICTURE: opens the token's page, prints {"at": "watching"} once it is live, reads a
// signature from stdin, as JSON, and waits until its table shows that trade; then asks for older ones. Prints
// {"signature", "side", "row", "waited_ms", "rows"}: how many the table has before and after; takes a picture of
// 1440 × 900.
import { createInterface } from "node:readline";
import { Failure, inBrowser, settle, waitFor } from "./browser.mjs";

const TRADE_WITHIN_MS = 60_000;
const PAGE_WITHIN_MS = 60_000;
const [base, mint, picture] = process.argv.slice(2);
if (!picture) {
  console.log(JSON.stringify({ error: "usage: node e2e/trade.mjs BASE MINT PICTURE" }));
  process.exit(2);
}

await inBrowser(`${base}/trade?mint=${mint}`, async (page) => {
  await waitFor(page, '[data-connection="live"]', "live connection", PAGE_WITHIN_MS);
  await waitFor(page, "canvas", "chart", PAGE_WITHIN_MS);
  console.log(JSON.stringify({ at: "watching" }));
  const { value } = await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next();
  const signature = JSON.parse(value);
  const row = page.locator(`tr[data-signature="${signature}"]`);
  const began = Date.now();
  await waitFor(page, `tr[data-signature="${signature}"]`, `row of the trade ${signature}`, TRADE_WITHIN_MS);
  const waited = Date.now() - began;
  const side = await row.first().getAttribute("data-side");
  const cells = (await row.first().locator("td").allTextContents()).map((text) => text.trim());
  const word = side === "buy" ? "Buy" : "Sell";
  if (!cells.includes(word)) throw new Failure(`the row does not say ${word}: ${cells.join(" | ")}`);
  await settle(page);
  await page.screenshot({ path: picture });
  const rows = [await page.locator("tr[data-signature]").count()];
  await page.locator("[data-older]").click();
  await page.locator("[data-older]").waitFor({ state: "detached", timeout: PAGE_WITHIN_MS });
  rows.push(await page.locator("tr[data-signature]").count());
  await page.getByRole("button", { name: /Back to the newest/ }).click();
  await waitFor(page, "[data-older]", "button for older trades", PAGE_WITHIN_MS);
  return { signature, side, row: cells, waited_ms: waited, rows };
});
