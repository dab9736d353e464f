// node e2e/package.mjs BASE: the built @curvefeed/client in a page without any framework, until it has seen a trade.
import { inBrowser, waitFor } from "./browser.mjs";

const WITHIN_MS = 60_000;
const [base] = process.argv.slice(2);

await inBrowser(base, async (page) => {
  await waitFor(page, "li[data-type=snapshot]", "snapshot", WITHIN_MS);
  await waitFor(page, "li[data-type=new_trade]", "trade", WITHIN_MS);
  const seqs = await page
    .locator("li[data-type=new_trade]")
    .evaluateAll((rows) => rows.map((row) => +row.textContent));
  return { seqs };
});
