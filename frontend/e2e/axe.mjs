// axe-core in an open page: what keeps people with a screen reader or low vision out, in words.
import { readFileSync } from "node:fs";
import { settle } from "./browser.mjs";

const SOURCE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Every rule that `page` breaks, as "name: rule (where)"; none: []. */
export async function accessible(page, name) {
  await settle(page);
  await page.evaluate(SOURCE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(
    ({ id, nodes }) =>
      `${name}: ${id} (${nodes
        .map(({ target }) => target)
        .slice(0, 3)
        .join(", ")})`,
  );
}
