// One headless Chromium of the system, and a verdict in one JSON line: what every script here shares.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const SIZE = { width: 1440, height: 900 };

/** Stands for a reason that a person can act on; its stack is not shown. */
export class Failure extends Error {}

function findChromium() {
  const found = [process.env.CHROMIUM, ...PLACES].find((place) => place && existsSync(place));
  if (!found)
    throw new Failure("no Chromium: install the system's package `chromium`, or set CHROMIUM to its path");
  return found;
}

/** A headless Chromium. */
export function launched() {
  return chromium.launch({ executablePath: findChromium(), args: FLAGS });
}

/** Nothing comes from another place than the page itself. */
function isForeign(asked, url) {
  return /^(http|ws)/.test(asked) && new URL(asked).host !== new URL(url).host;
}

/**
 * Open `url` in a new browser and run `check(page)`; prints what it returns as one JSON line, exit status 0.
 * A failure prints {"error": …} with what the page itself complained of, exit status 1.
 */
export async function inBrowser(url, check) {
  let browser;
  const complaints = [];
  try {
    browser = await launched();
    const context = await browser.newContext({ viewport: SIZE, colorScheme: "dark" });
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on(
      "request",
      (request) => isForeign(request.url(), url) && complaints.push(`foreign: ${request.url()}`),
    );
    const answer = await page.goto(url, { waitUntil: "domcontentloaded" });
    if (!answer?.ok()) throw new Failure(`${url} answered ${answer?.status()}`);
    const result = await check(page);
    const grave = complaints.filter((complaint) => /^(uncaught|foreign)/.test(complaint));
    if (grave.length > 0) throw new Failure(grave.join("; "));
    console.log(JSON.stringify(result));
  } catch (error) {
    console.log(
      JSON.stringify({ error: error instanceof Failure ? error.message : String(error), complaints }),
    );
    process.exitCode = 1;
  } finally {
    await browser?.close();
  }
}

/** Wait for `selector`; says what was waited for, and what the page shows instead. */
export async function waitFor(page, selector, what, timeout) {
  try {
    await page.locator(selector).first().waitFor({ timeout });
  } catch {
    const state = await page
      .locator("[data-connection]")
      .first()
      .getAttribute("data-connection")
      .catch(() => "unknown");
    const text = (
      await page
        .locator("main")
        .textContent()
        .catch(() => "")
    )
      .replaceAll(/\s+/g, " ")
      .slice(0, 300);
    throw new Failure(`no ${what} within ${timeout / 1000} s; connection: ${state}; the page says: ${text}`);
  }
}

/** Let the flashes of what has just arrived fade. */
export function settle(page) {
  return page.evaluate(() => {
    const passing = document.getAnimations().filter((one) => one.effect?.getTiming().iterations === 1);
    return Promise.allSettled(passing.map((one) => one.finished)).then(() => undefined);
  });
}
