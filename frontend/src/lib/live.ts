/** A value that changes often, for React: many changes inside one frame of the screen are one rendering. */

import { useSyncExternalStore } from "react";

export class Live<Value> {
  #value: Value;
  #shown: Value;
  #watchers = new Set<() => void>();
  #isDue = false;

  constructor(value: Value) {
    this.#value = value;
    this.#shown = value;
  }

  /** The newest value, which may not be on the screen yet. */
  get value(): Value {
    return this.#value;
  }

  /** Replace it; watchers hear of it with the next frame. */
  set(value: Value): void {
    if (value === this.#value) return;
    this.#value = value;
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(this.#show);
  }

  update(change: (value: Value) => Value): void {
    this.set(change(this.#value));
  }

  #show = (): void => {
    this.#isDue = false;
    this.#shown = this.#value;
    for (const watcher of [...this.#watchers]) watcher();
  };

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  shown = (): Value => this.#shown;
}

/** The value as of the last frame. */
export function useLive<Value>(live: Live<Value>): Value {
  return useSyncExternalStore(live.watch, live.shown, live.shown);
}
