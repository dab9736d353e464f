// node e2e/journey.mjs BASE MINT: a newcomer's way. Connects the localnet's burner, signs in, buys, finds the trade
// in the table, the chart's marks and the position, sells all of it, and has a realised profit or loss.
// Prints {"bought", "sold", "held", "realized", "marks", "faults"}: `marks` are the chart's, those of others and mine;
// `faults` are axe's, of every page passed.
import { accessible } from "./axe.mjs";
import { Failure, inBrowser, waitFor } from "./browser.mjs";

const WITHIN_MS = 60_000;
const [base, mint] = process.argv.slice(2);

async function connect(page) {
  await page.getByRole("button", { name: "Connect wallet" }).click();
  await page.locator("[data-wallet]", { hasText: "Burner" }).click();
  await waitFor(page, "[data-action=buy]", "connected wallet", WITHIN_MS);
}

async function signIn(page) {
  await page.locator("header button[aria-haspopup]").click();
  await page.getByRole("button", { name: "Sign in" }).click();
  await waitFor(page, "header [title='Signed in']", "session", WITHIN_MS);
}

/** Place the order that the form is filled with; the signature of the trade that the feed brought. */
async function order(page, side) {
  await waitFor(page, `[data-action=${side}]:enabled`, `button to ${side}`, WITHIN_MS);
  await page.locator(`[data-action=${side}]`).click();
  await waitFor(page, "[data-order=confirmed], [data-order=failed]", "end of the order", WITHIN_MS);
  const outcome = page.locator("[data-order]");
  if ((await outcome.getAttribute("data-order")) !== "confirmed")
    throw new Failure(`the order failed: ${await outcome.textContent()}`);
  const row = `tr[data-mine][data-side=${side}]`;
  await waitFor(page, row, `own row of the ${side}`, WITHIN_MS);
  return page.locator(row).first().getAttribute("data-signature");
}

/** Wait for a mark of mine in the chart; how many there are, of others and mine. */
async function marksOf(page) {
  await waitFor(page, "[data-mine]:not([data-mine='0'])", "mark of the trade in the chart", WITHIN_MS);
  const { marks, mine } = await page.locator("[data-marks]").evaluate(({ dataset }) => dataset);
  return { others: marks - mine, mine: Number(mine) };
}

await inBrowser(`${base}/trade/?mint=${mint}`, async (page) => {
  await waitFor(page, '[data-connection="live"]', "live connection", WITHIN_MS);
  await waitFor(page, "canvas", "chart", WITHIN_MS);
  await connect(page);
  await signIn(page);
  await page.getByRole("button", { name: "Slippage 5 %" }).click();
  await page.getByRole("button", { name: "0.5", exact: true }).click();
  const bought = await order(page, "buy");
  await waitFor(page, "[data-position]:not([data-position='0'])", "position", WITHIN_MS);
  const held = await page.locator("[data-position]").getAttribute("data-position");
  const marks = await marksOf(page);
  const faults = await accessible(page, "trade");
  await page.getByRole("radio", { name: "Sell" }).check();
  await page.getByRole("button", { name: "100%" }).click();
  const sold = await order(page, "sell");
  await waitFor(page, "[data-position='0']", "closed position", WITHIN_MS);
  await waitFor(page, "[data-realized]:not([data-realized='0'])", "realised profit or loss", WITHIN_MS);
  const realized = await page.locator("[data-realized]").getAttribute("data-realized");
  await page.locator("header button[aria-haspopup]").click();
  await page.getByRole("link", { name: "Positions and history" }).click();
  await waitFor(page, `tr[data-mint="${mint}"]`, "position on the wallet's page", WITHIN_MS);
  faults.push(...(await accessible(page, "wallet")));
  for (const [path, what] of [
    ["/", "tr[data-mint]"],
    ["/status/", "[data-complete]"],
  ]) {
    await page.goto(base + path, { waitUntil: "domcontentloaded" });
    await waitFor(page, what, `content of ${path}`, WITHIN_MS);
    faults.push(...(await accessible(page, path)));
  }
  return { bought, sold, held, realized, marks, faults };
});
