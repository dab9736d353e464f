"use client";

/** The time, ticking once a second for the whole page: one timer, however many ages are on the screen. */

import { useSyncExternalStore } from "react";

const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let seconds = 0;

function tick(): void {
  seconds = Math.floor(Date.now() / 1000);
  for (const watcher of [...watchers]) watcher();
}

function watch(watcher: () => void): () => void {
  if (watchers.size === 0) {
    seconds = Math.floor(Date.now() / 1000);
    timer = setInterval(tick, 1000);
  }
  watchers.add(watcher);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) clearInterval(timer);
  };
}

/** Unix seconds; 0 while the page is only HTML. */
export function useNow(): number {
  return useSyncExternalStore(
    watch,
    () => seconds,
    () => 0,
  );
}
