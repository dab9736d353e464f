/** Where a client stands in one room, and what each frame means there. Pure: no socket, no timers. */

import type { AnyFrame, Position } from "./frames";

/** pending: not answered yet · live · stale: may be missing something, being repaired · denied: refused. */
export type RoomStatus = "pending" | "live" | "stale" | "denied";

/** What the client does with a frame; `join`: ask for the room again, from where we are. */
export type Verdict = "deliver" | "drop" | "join";

/** After so long without a repair the next one starts with the cheapest way again: resuming. */
const CALM_MS = 10_000;
const BY_SNAPSHOT = 2;
const GIVEN_UP = 3;

/** What a holder wants of a room besides its events. */
export interface RoomOptions {
  /** Intervals, such as `1s` and `1m`, of which to get `candle_update`: of a token's room. */
  candles?: readonly string[];
}

export class Room {
  /** Who wants it, and what of it. */
  holders = new Set<RoomOptions>();
  status: RoomStatus = "pending";
  /** Id of the subscribe that is not answered yet; nothing is taken while there is one. */
  asked = 0;
  #position: Position | null = null;
  #candles = "";
  #repairs = 0;
  #repairedAt = 0;
  #repairedFrom: number | undefined;

  constructor(readonly name: string) {}

  get position(): Position | null {
    return this.#position;
  }

  /** Do its holders want other candles than those that were asked for? */
  get isOutdated(): boolean {
    return this.#candles !== this.#wanted().join();
  }

  /** The message that joins the room: from where we are, or, knowing nothing, with a snapshot. */
  request(id: number): object {
    this.asked = id;
    const candles = this.#wanted();
    this.#candles = candles.join();
    const where = this.#position ? { since: this.#position } : { snapshot: true };
    return { type: "subscribe", id, room: this.name, ...where, ...(candles.length ? { candles } : {}) };
  }

  #wanted(): string[] {
    return [...new Set([...this.holders].flatMap(({ candles = [] }) => candles))].sort();
  }

  /** What is shown may be old: the connection is gone, or the hub said so. */
  doubt(now: number): void {
    if (this.status === "live") this.status = "stale";
    this.#repairedAt = now;
  }

  /** `epoch` is the hub's, for frames that do not name it. The position is advanced before anybody is told. */
  take(frame: AnyFrame, epoch: string, now: number): Verdict {
    if (frame.type === "subscribed") {
      if (frame.id === this.asked) this.#accepted(frame);
      return "drop";
    }
    if (this.asked) return "drop";
    if (frame.type === "snapshot") {
      this.#position = { epoch: frame.epoch ?? epoch, seq: frame.seq ?? 0 };
      this.#repairedFrom = this.#position.seq;
      this.status = "live";
      return "deliver";
    }
    if (frame.type === "resync") {
      this.doubt(now);
      return "drop";
    }
    if (frame.type === "pos") {
      const isBehind = this.#position !== null && (frame.seq ?? 0) > this.#position.seq;
      return isBehind && this.#mayRepair(now) ? "join" : "drop";
    }
    return this.#takeEvent(frame, now);
  }

  /** Recovered: what was missed follows. Otherwise a snapshot does, and only that makes the room live. */
  #accepted(frame: AnyFrame): void {
    this.asked = 0;
    if (frame.recovered) this.status = "live";
  }

  /**
   * State events carry no `prev` and always go on. A log event that was seen is dropped. One whose predecessor
   * was not seen asks for a repair: first by resuming, if that leaves a gap too by a snapshot. If even that does
   * not help it is passed on, the room stays stale, and some time later the repair begins again.
   */
  #takeEvent(frame: AnyFrame, now: number): Verdict {
    if (frame.prev === undefined || frame.seq === undefined || !this.#position) return "deliver";
    if (frame.seq <= this.#position.seq) return "drop";
    const isGap = frame.prev !== null && frame.prev > this.#position.seq;
    const isOverdue = this.status === "stale" && now - this.#repairedAt > CALM_MS;
    if ((isGap || isOverdue) && this.#mayRepair(now)) return "join";
    this.#position = { epoch: this.#position.epoch, seq: frame.seq };
    return "deliver";
  }

  /** A repair that did not move us on is followed by the next stronger one; the third is to give up for a while. */
  #mayRepair(now: number): boolean {
    const hasHelped = this.#repairs < GIVEN_UP && this.#position?.seq !== this.#repairedFrom;
    if (hasHelped || now - this.#repairedAt > CALM_MS) this.#repairs = 0;
    this.status = "stale";
    if (this.#repairs === GIVEN_UP) return false;
    this.#repairs += 1;
    this.#repairedAt = now;
    if (this.#repairs === BY_SNAPSHOT) this.#position = null;
    this.#repairedFrom = this.#position?.seq;
    return this.#repairs < GIVEN_UP;
  }
}
