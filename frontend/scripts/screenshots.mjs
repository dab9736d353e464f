// node scripts/screenshots.mjs [BASE] [FOLDER] [NAME]: pictures of every page of a running `./run`, light and dark, on
// a desktop and on a phone; with a NAME only those whose file is called so. BASE is http://127.0.0.1:8001, FOLDER
// .cache/screenshots unless they are given.
import { mkdirSync } from "node:fs";
import { Failure, launched } from "../e2e/browser.mjs";

const [base = "http://127.0.0.1:8001", folder = ".cache/screenshots", only = ""] = process.argv.slice(2);
const DEVICES = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};
const SCHEMES = ["dark", "light"];
/** Long enough for everything that a page asks for; what is not there then is shown as it is. */
const SETTLE_MS = 2_500;
const LIVE_WITHIN_MS = 30_000;

async function answer(path) {
  const response = await fetch(base + path).catch(() => null);
  if (!response?.ok)
    throw new Failure(`${base}${path} answered ${response?.status ?? "nothing"}: is ./run up?`);
  return response.json();
}

/** The busiest token there is, its creator, and every page with them. */
async function pages() {
  const { items } = await answer("/api/v1/tokens?limit=100");
  const [busiest] = items.toSorted((a, b) => b.trades - a.trades);
  if (!busiest) throw new Failure("there is no token yet");
  return {
    home: "/",
    trade: `/trade/?mint=${busiest.mint}`,
    order: `/trade/?mint=${busiest.mint}`,
    wallet: `/wallet/?address=${busiest.creator}`,
    status: "/status/",
    unknown: "/trade/?mint=So11111111111111111111111111111111111111112",
  };
}

/** A connected wallet, a filled order, and trades behind the live ones: where there is a burner to connect. */
async function used(page) {
  await page.getByRole("button", { name: "Connect wallet" }).click();
  await page.locator("[data-wallet]", { hasText: "Burner" }).click();
  await page.getByRole("button", { name: "0.5", exact: true }).click();
  await page.locator("[data-action=buy]:enabled").waitFor({ timeout: LIVE_WITHIN_MS });
}

async function picture(browser, { name, path, device, scheme }) {
  const file = `${folder}/${name}-${device}-${scheme}.png`;
  if (!file.includes(only)) return;
  const context = await browser.newContext({ ...DEVICES[device], colorScheme: scheme });
  const page = await context.newPage();
  await page.goto(base + path, { waitUntil: "domcontentloaded" });
  await page.locator("[data-connection=live]").waitFor({ timeout: LIVE_WITHIN_MS });
  if (name === "order") await used(page).catch(() => console.log("no burner to connect"));
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(SETTLE_MS);
  await page.screenshot({ path: file, fullPage: device === "phone" });
  await context.close();
  console.log(file);
}

mkdirSync(folder, { recursive: true });
const browser = await launched();
try {
  for (const [name, path] of Object.entries(await pages()))
    for (const device of Object.keys(DEVICES))
      for (const scheme of SCHEMES) await picture(browser, { name, path, device, scheme });
} finally {
  await browser.close();
}
