/**
 * How the static HTML comes to life: piece by piece, each in a task of its own, so that none keeps a slow phone from
 * scrolling or typing. Until all pieces live, nothing is shown but what the HTML shows. Only Preact needs this
 * (src/preact): React, in `npm run dev` and in tests, does it by itself, and everything here says "alive".
 */

import { pause } from "./pause";

let hasBegun = false;
let isHydrating = false;
let waiting = 0;
let queue: Promise<void> = Promise.resolve();
const pieces = new Map<string, Promise<void> | null>();
const watchers = new Set<() => void>();

/** The page begins to come to life. */
export function begin(): void {
  hasBegun = true;
  isHydrating = true;
}

/** Whether that is how it is done here. */
export function isInPieces(): boolean {
  return hasBegun;
}

/** What needed no piece of its own lives. */
export function reachedEnd(): void {
  isHydrating = false;
  tell();
}

/** Null: this piece may be rendered. Else when to try again. */
export function turnOf(name: string): Promise<void> | null {
  if (!isHydrating && !pieces.has(name)) return null;
  if (!pieces.has(name)) pieces.set(name, inTurn(name));
  return pieces.get(name) ?? null;
}

function inTurn(name: string): Promise<void> {
  waiting += 1;
  queue = queue.then(pause).then(() => {
    pieces.set(name, null);
    void pause().then(() => {
      waiting -= 1;
      tell();
    });
  });
  return queue;
}

/** Whether everything lives. */
export function isAlive(): boolean {
  return !isHydrating && waiting === 0;
}

export function watchAlive(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Resolves once everything lives. */
export function alive(): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isAlive()) return;
      stop();
      resolve();
    };
    const stop = watchAlive(look);
    look();
  });
}

function tell(): void {
  if (isAlive()) for (const watcher of [...watchers]) watcher();
}
