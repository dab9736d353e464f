import type { FeedEvents, RoomData } from "../messages";
import { FeedClient } from "./client";

/** The client with this project's events. */
export class Feed extends FeedClient<FeedEvents, RoomData> {
  #held: (() => void)[] = [];

  /**
   * Connect with a token (none: anonymous), be in `room` and, with `user`, in that wallet's room. Calling it
   * again replaces the rooms of the call before.
   */
  connectTo = (token?: string | null, room = "global", user?: string | null): Promise<void> => {
    if (token) this.authenticate(() => token);
    const before = this.#held;
    this.#held = [this.subscribe(room)];
    if (user) this.#held.push(this.subscribeToUser(user));
    for (const release of before) release();
    return this.connect();
  };
}
