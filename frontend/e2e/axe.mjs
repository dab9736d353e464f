// axe-core in an open page: what keeps people with a screen reader or low vision out, in words.
import { readFileSync } from "node:fs";
import { settle } from "./browser.mjs";

const SOURCE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const SCHEMES = ["light", "dark"];

/** Every rule that `page` breaks, dark or light, as "name scheme: rule (where)"; none: []. */
export async function accessible(page, name) {
  await page.evaluate(SOURCE);
  const found = [];
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme });
    await settle(page);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    for (const { id, nodes } of violations)
      found.push(`${name} ${scheme}: ${id} (${nodes.slice(0, 3).map(({ target }) => target)})`);
  }
  return found;
}
