"use client";

/** What the reader has chosen, kept in this browser and shared by its tabs. */

import { useSyncExternalStore } from "react";

const PREFIX = "curvefeed.";
const watchers = new Set<() => void>();

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  window.addEventListener("storage", watcher);
  return () => {
    watchers.delete(watcher);
    window.removeEventListener("storage", watcher);
  };
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // storage may be forbidden: then a choice lasts as long as the page
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {}
  for (const watcher of [...watchers]) watcher();
}

/** One choice among `values`, the first of which is the default. */
export function useChoice<Value extends string>(
  name: string,
  values: readonly [Value, ...Value[]],
): [Value, (value: Value) => void] {
  const stored = useSyncExternalStore(
    watch,
    () => read(name),
    () => null,
  );
  const value = values.find((one) => one === stored) ?? values[0];
  return [value, (next) => write(name, next)];
}

/** A text of the reader's own; "" until there is one. */
export function useText(name: string): [string, (value: string) => void] {
  const stored = useSyncExternalStore(
    watch,
    () => read(name),
    () => null,
  );
  return [stored ?? "", (next) => write(name, next)];
}
