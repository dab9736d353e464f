/**
 * A value that changes often, for React. A change after a calm is shown with the next frame; of many changes one
 * after the other only so many a second are rendered as a reader can follow, and the page stays free for him.
 */

import { startTransition, useEffect, useState } from "react";

const LEAST_MS = 100;
/** In a flood, of more than so many changes since the last showing, fewer still. */
const FLOOD = 10;
const LEAST_IN_FLOOD_MS = 250;

export class Live<Value> {
  #value: Value;
  #shown: Value;
  #watchers = new Set<() => void>();
  #isDue = false;
  #changes = 0;
  #isFlooded = false;
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(value: Value) {
    this.#value = value;
    this.#shown = value;
  }

  /** The newest value, which may not be on the screen yet. */
  get value(): Value {
    return this.#value;
  }

  /** Replace it; watchers hear of it soon. */
  set(value: Value): void {
    if (value === this.#value) return;
    this.#value = value;
    this.#changes += 1;
    if (this.#isDue) return;
    this.#isDue = true;
    const least = this.#isFlooded ? LEAST_IN_FLOOD_MS : LEAST_MS;
    const wait = this.#shownAt + least - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(this.#show), wait);
    else requestAnimationFrame(this.#show);
  }

  update(change: (value: Value) => Value): void {
    this.set(change(this.#value));
  }

  #show = (): void => {
    this.#isDue = false;
    this.#isFlooded = this.#changes > FLOOD;
    this.#changes = 0;
    this.#shownAt = performance.now();
    this.#shown = this.#value;
    for (const watcher of [...this.#watchers]) watcher();
  };

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  shown = (): Value => this.#shown;
}

/**
 * The value as it was last shown. Rendered as a transition: in pieces between which the screen goes on, and after what
 * the reader does.
 */
export function useLive<Value>(live: Live<Value>): Value {
  const [value, setValue] = useState(live.shown);
  useEffect(() => {
    const show = () => startTransition(() => setValue(live.shown));
    show();
    return live.watch(show);
  }, [live]);
  return value;
}
