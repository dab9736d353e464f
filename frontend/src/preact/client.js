/** react-dom/client as the built page has it: see react.js. */

import { hydrate } from "preact";
import { createRoot } from "preact/compat/client";
import { begin, reachedEnd } from "../lib/hydration";

/** Where no frame comes (a page in the background), it is not waited for longer. */
const PATIENCE_MS = 200;

/** Once what the HTML shows has been painted: that is what one waits for first. */
function painted() {
  return new Promise((resolve) => {
    if (performance.getEntriesByName("first-contentful-paint").length > 0) return setTimeout(resolve);
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, PATIENCE_MS);
  });
}

export function hydrateRoot(container, children) {
  begin();
  void painted().then(() => {
    hydrate(children, container);
    reachedEnd();
  });
  return createRoot(container);
}

export { createRoot };
export default { createRoot, hydrateRoot };
