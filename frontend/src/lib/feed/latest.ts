import type { FeedEvents } from "../messages";
import type { Feed } from "./feed";

const FRAME_MS = 16;

/** The newest data of one event, as a screen needs it: changed at most once per frame. Listens while it is watched. */
export class Latest<Name extends keyof FeedEvents> {
  /** As of the last frame. */
  value: FeedEvents[Name] | null = null;
  #newest: FeedEvents[Name] | null = null;
  #isDue = false;
  #watchers = new Set<() => void>();
  #stop: (() => void) | undefined;
  #start: () => () => void;

  constructor(feed: Feed, name: Name, room?: string) {
    this.#start = () => feed.on(name, this.#take, room);
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    this.#stop ??= this.#start();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  };

  #take = (data: FeedEvents[Name]): void => {
    this.#newest = data;
    if (this.#isDue) return;
    this.#isDue = true;
    if ("requestAnimationFrame" in globalThis) requestAnimationFrame(this.#show);
    else setTimeout(this.#show, FRAME_MS);
  };

  #show = (): void => {
    this.#isDue = false;
    this.value = this.#newest;
    for (const watcher of [...this.#watchers]) watcher();
  };
}
