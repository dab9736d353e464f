/**
 * React as the built page has it: Preact, a tenth of its size. next.config.ts puts this in React's place in the
 * browser; the static HTML, `npm run dev` and the tests have React itself. Here is what Preact's own `compat` lacks.
 */

import * as compat from "preact/compat";
import { useContext, useEffect, useInsertionEffect, useRef, useState } from "preact/compat";
import { isAlive } from "../lib/hydration";

export * from "preact/compat";

/** Begins with what the static HTML shows, as in React: Preact would leave attributes as it finds them there. */
export function useSyncExternalStore(watch, get, getServers) {
  const [isFirst, setFirst] = useState(() => getServers !== undefined && !isAlive());
  useEffect(() => setFirst(false), []);
  return compat.useSyncExternalStore(watch, isFirst ? getServers : get);
}

/** The newest `callback`, by one function that stays. */
export function useEffectEvent(callback) {
  const newest = useRef(callback);
  useInsertionEffect(() => {
    newest.current = callback;
  });
  const [call] = useState(
    () =>
      (...args) =>
        newest.current(...args),
  );
  return call;
}

/** What Next asks of React's `use`: a context. */
export const use = useContext;

export default { ...compat, useSyncExternalStore, useEffectEvent, use };
