// node e2e/home.mjs BASE PICTURE: opens the first page, waits for tokens and for a trade that arrives while it is
// open; then searches a token by its name. Prints {"tokens", "signature", "side", "found"}; takes a picture of 1440 × 900.
import { inBrowser, waitFor } from "./browser.mjs";

const WITHIN_MS = 60_000;
const [base, picture] = process.argv.slice(2);
if (!picture) {
  console.log(JSON.stringify({ error: "usage: node e2e/home.mjs BASE PICTURE" }));
  process.exit(2);
}

await inBrowser(`${base}/`, async (page) => {
  await waitFor(page, '[data-connection="live"]', "live connection", WITHIN_MS);
  await waitFor(page, "tr[data-mint]", "token", WITHIN_MS);
  const newest = page.locator("li[data-signature]").first();
  await waitFor(page, "li[data-signature]", "trade", WITHIN_MS);
  const signature = await newest.getAttribute("data-signature");
  await waitFor(
    page,
    `li[data-signature]:first-child:not([data-signature="${signature}"])`,
    "second trade",
    WITHIN_MS,
  );
  await page.screenshot({ path: picture });
  const name = await page.locator("tr[data-mint] a").first().textContent();
  await page.keyboard.press("/");
  await page.keyboard.type(name ?? "");
  await waitFor(page, "[role=option]", `token of the name ${name}`, WITHIN_MS);
  const found = await page.locator("[role=option]").count();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/trade\/\?mint=/, { timeout: WITHIN_MS });
  await page.goBack();
  await waitFor(page, "tr[data-mint]", "token", WITHIN_MS);
  return {
    found,
    tokens: await page.locator("tr[data-mint]").count(),
    signature: await newest.getAttribute("data-signature"),
    side: await newest.getAttribute("data-side"),
  };
});
