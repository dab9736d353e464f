/**
 * The client of hub.v1 (docs/protocol.md): one socket, rooms that are counted, nothing lost unnoticed.
 *
 * It opens nothing when it is made: the first `subscribe` or `connect` does. Log events reach the callbacks in
 * order and once, also over a reconnection; where that cannot be kept, a snapshot comes and the room says so.
 */

import { delayAfter } from "./backoff";
import type { AnyFrame, EventFrame, SnapshotFrame, Welcome } from "./frames";
import { Line } from "./line";
import { Room, type RoomOptions, type RoomStatus } from "./room";

/** idle: nothing wanted · connecting · connected · waiting: dials again at `retryAt` · closed: for good. */
export type ConnectionStatus = "idle" | "connecting" | "connected" | "waiting" | "closed";

/** What to show of a connection: a new object after every change, never changed itself. */
export interface FeedState {
  readonly status: ConnectionStatus;
  readonly rooms: Readonly<Record<string, RoomStatus>>;
  /** Attempts since the last stable connection. */
  readonly attempt: number;
  readonly retryAt: number | null;
  /** Why the last connection ended. */
  readonly reason: string | null;
  readonly welcome: Welcome | null;
}

export interface FeedOptions {
  url: () => string;
  /** Asked before every dial; null is anonymous. */
  getToken?: () => Promise<string | null> | string | null;
  WebSocket?: typeof WebSocket;
  random?: () => number;
  /** Gets what a callback threw, what the hub refused, and frames that make no sense. */
  onError?: (error: unknown) => void;
}

type Callback = (data: never, frame: never) => void;

const STABLE_AFTER_MS = 10_000;
const LEAVE_AFTER_MS = 1_000;
const RETRY_JOIN_MS = 1_000;
const PING_MS = 25_000;
const PONG_MS = 10_000;
const WAKE_EVENTS = ["online", "pageshow", "visibilitychange"] as const;
/** Before anything has happened; also what a server renders. */
export const START: FeedState = {
  status: "idle",
  rooms: {},
  attempt: 0,
  retryAt: null,
  reason: null,
  welcome: null,
};

/** `Events` names every event and the type of its data; `Snapshot` is what snapshots hold. */
export class FeedClient<Events extends object, Snapshot = unknown> {
  #options: FeedOptions;
  #state: FeedState = START;
  #rooms = new Map<string, Room>();
  #callbacks = new Map<string, Set<{ call: Callback; room: string | undefined }>>();
  #watchers = new Set<() => void>();
  #waiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #line: Line | null = null;
  #dial = 0; // a dial that is not the newest was given up
  #retry: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #connectedAt = 0;
  #goodbye: AnyFrame | null = null;
  #ids = 0;
  #token: string | null = null;
  #authId = 0;
  #wasRefused = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.on = this.on.bind(this); // like all the others, it may be taken off the client
  }

  get state(): FeedState {
    return this.#state;
  }

  /** Call `watcher` after every change of `state`; returns how to stop. */
  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /**
   * Open the connection if there is none, at once even while waiting to dial again. Resolves when the hub has
   * welcomed us, rejects when it never will.
   */
  connect = (): Promise<void> => {
    if (this.#state.status === "connected") return Promise.resolve();
    const welcomed = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    if (this.#state.status === "waiting") void this.#connect();
    else this.#open();
    welcomed.catch(() => {}); // who does not wait for it need not handle it
    return welcomed;
  };

  /** End the connection and leave every room. */
  close = (): void => {
    this.#rooms.clear();
    this.#end("idle", null);
  };

  /**
   * Use another source of tokens; an open connection is told at once, and one that was closed for want of a good
   * token is dialled again. Without a token any more the connection is made anew, anonymously.
   */
  authenticate = (getToken: NonNullable<FeedOptions["getToken"]>): void => {
    this.#options = { ...this.#options, getToken };
    this.#wasRefused = false;
    if (this.#state.status === "connected") void this.#renewToken();
    else if (this.#rooms.size) this.#open();
  };

  /** Be in `room` until the returned function is called. Several holders share one subscription. */
  subscribe = (name: string, options: RoomOptions = {}): (() => void) => {
    const isNew = !this.#rooms.has(name);
    const room = this.#rooms.get(name) ?? new Room(name);
    const holder = { ...options };
    this.#rooms.set(name, room);
    room.holders.add(holder);
    if (this.#state.status === "connected" && (isNew || room.isOutdated)) this.#join(room);
    if (isNew) this.#publish({});
    this.#open();
    return () => this.#release(room, holder);
  };

  subscribeToToken = (mint: string, options?: RoomOptions): (() => void) =>
    this.subscribe(`token_${mint}`, options);

  subscribeToUser = (wallet: string): (() => void) => this.subscribe(`user_${wallet}`);

  /**
   * Call back for every event of a name, or only for those of one room; returns how to stop.
   *
   * An event that reaches us through two rooms calls twice, unless a room is named.
   */
  on<Name extends keyof Events & string>(
    name: Name,
    callback: (data: Events[Name], frame: EventFrame<Name, Events[Name]>) => void,
    room?: string,
  ): () => void;
  on(
    name: "snapshot",
    callback: (data: Snapshot, frame: SnapshotFrame<Snapshot>) => void,
    room?: string,
  ): () => void;
  on(name: string, callback: Callback, room?: string): () => void {
    const entry = { call: callback, room };
    const entries = this.#callbacks.get(name) ?? new Set();
    this.#callbacks.set(name, entries.add(entry));
    return () => entries.delete(entry);
  }

  // --- the connection

  #open(): void {
    const { status } = this.#state;
    if (status !== "idle" && status !== "closed") return;
    for (const event of WAKE_EVENTS) globalThis.addEventListener?.(event, this.#wake, true);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retry);
    const dial = ++this.#dial;
    this.#publish({ status: "connecting", retryAt: null });
    this.#goodbye = null;
    try {
      this.#token = (await this.#options.getToken?.()) ?? null;
      if (dial !== this.#dial) return;
      this.#line = new Line(this.#options.url(), this.#options.WebSocket ?? WebSocket, {
        onText: (text) => this.#receive(text),
        onEnd: (code, reason) => this.#lost(code, reason),
      });
    } catch (error) {
      this.#report(error);
      if (dial === this.#dial) this.#lost(1006, `cannot dial: ${error}`);
    }
  }

  /** The connection is gone; `code` decides whether and when to dial again. */
  #lost(code: number, reason: string): void {
    if (this.#connectedAt && Date.now() - this.#connectedAt >= STABLE_AFTER_MS) this.#attempt = 0;
    const why = this.#goodbye?.reason || reason || `connection lost (${code})`;
    const delay = this.#delayAfter(code);
    if (delay === null) {
      this.#end("closed", why);
      return;
    }
    this.#drop();
    this.#attempt += 1;
    this.#retry = setTimeout(() => void this.#connect(), delay);
    this.#publish({ status: "waiting", reason: why, retryAt: Date.now() + delay, attempt: this.#attempt });
  }

  /** Milliseconds, or null to stop. A refused credential is asked for anew, once. */
  #delayAfter(code: number): number | null {
    if (code === 4401) {
      const isFirst = !this.#wasRefused;
      this.#wasRefused = true;
      return isFirst ? 0 : null;
    }
    if (this.#goodbye?.reconnect === false) return null;
    const { random = Math.random } = this.#options;
    return delayAfter(code, this.#attempt, random, this.#goodbye?.after_ms);
  }

  #drop(): void {
    this.#dial += 1;
    this.#connectedAt = 0;
    clearTimeout(this.#retry);
    this.#line?.close();
    this.#line = null;
    for (const room of this.#rooms.values()) room.doubt(Date.now());
  }

  #end(status: "idle" | "closed", reason: string | null): void {
    this.#drop();
    this.#attempt = 0;
    for (const event of WAKE_EVENTS) globalThis.removeEventListener?.(event, this.#wake, true);
    this.#publish({ status, reason, retryAt: null, attempt: 0 });
    for (const { reject } of this.#waiters.splice(0)) reject(new Error(reason ?? "closed"));
  }

  /** The tab, the machine or the network is back: dial now, or make sure that the line is alive. */
  #wake = (): void => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.#state.status === "waiting") void this.#connect();
    else if (this.#state.status === "connected") this.#line?.probe({ type: "ping", id: ++this.#ids });
  };

  // --- frames

  #receive(text: string): void {
    let frame: AnyFrame;
    try {
      frame = JSON.parse(text);
    } catch (error) {
      this.#report(error);
      return;
    }
    const room = this.#rooms.get(frame.room ?? "");
    if (frame.type === "welcome") this.#welcomed(frame as unknown as Welcome);
    else if (frame.type === "ping") this.#send({ type: "pong" });
    else if (frame.type === "goodbye") this.#goodbye = frame;
    else if (frame.type === "auth_expiring") void this.#renewToken();
    else if (frame.type === "authed") this.#authed();
    else if (frame.type === "error") this.#refused(frame);
    else if (room) this.#inRoom(room, frame);
  }

  #welcomed(welcome: Welcome): void {
    this.#connectedAt = Date.now();
    this.#line?.expect(welcome.ping_interval_ms ?? PING_MS, welcome.pong_timeout_ms ?? PONG_MS);
    this.#publish({ status: "connected", welcome, reason: null });
    if (this.#token) this.#sendToken();
    this.#joinAll((name) => !this.#token || !isPrivate(name));
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  #inRoom(room: Room, frame: AnyFrame): void {
    const { status } = room;
    const verdict = room.take(frame, this.#state.welcome?.epoch ?? "", Date.now());
    if (verdict === "join") this.#join(room);
    if (verdict === "deliver") this.#deliver(frame);
    if (room.status !== status) this.#publish({});
  }

  #refused(frame: AnyFrame): void {
    this.#report(new Error(`${frame.code}: ${frame.message}`));
    if (frame.id !== undefined && frame.id === this.#authId) {
      this.#joinAll(isPrivate);
      return;
    }
    const room = [...this.#rooms.values()].find(({ asked }) => asked && asked === frame.id);
    if (!room) this.#putOut(frame);
    else if (frame.retryable) {
      const again = () => room.asked === frame.id && this.#join(room);
      setTimeout(again, frame.retry_after_ms ?? RETRY_JOIN_MS);
    } else {
      room.status = "denied";
      this.#publish({});
    }
  }

  /** The hub has taken a room away that we were in: the token has expired. A new one opens it again. */
  #putOut(frame: AnyFrame): void {
    const room = this.#rooms.get(frame.room ?? "");
    if (!room || frame.id !== undefined) return;
    room.status = "denied";
    this.#publish({});
    if (frame.code === "token_expired") void this.#renewToken();
  }

  #deliver(frame: AnyFrame): void {
    for (const { call, room } of this.#callbacks.get(frame.type) ?? []) {
      if (room !== undefined && room !== frame.room) continue;
      try {
        call(frame.data as never, frame as never);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  // --- rooms and messages

  #join(room: Room): void {
    this.#send(room.request(++this.#ids));
  }

  #joinAll(which: (name: string) => boolean): void {
    for (const room of this.#rooms.values()) if (which(room.name)) this.#join(room);
  }

  /** Lazily: a holder that comes back within a second (a page change, StrictMode) finds it as it was. */
  #release(room: Room, holder: RoomOptions): void {
    if (!room.holders.delete(holder) || room.holders.size) return;
    setTimeout(() => {
      if (room.holders.size || this.#rooms.get(room.name) !== room) return;
      this.#rooms.delete(room.name);
      this.#send({ type: "unsubscribe", room: room.name });
      if (this.#rooms.size) this.#publish({});
      else this.#end("idle", null);
    }, LEAVE_AFTER_MS);
  }

  #authed(): void {
    this.#wasRefused = false;
    this.#joinAll(isPrivate);
  }

  async #renewToken(): Promise<void> {
    const { getToken } = this.#options;
    try {
      const token = (await getToken?.()) ?? null;
      if (getToken !== this.#options.getToken || this.#state.status !== "connected") return;
      const hadToken = this.#token !== null;
      this.#token = token;
      if (token) this.#sendToken();
      else if (hadToken) this.#redial();
    } catch (error) {
      this.#report(error);
    }
  }

  #redial(): void {
    this.#drop();
    void this.#connect();
  }

  #sendToken(): void {
    this.#authId = ++this.#ids;
    this.#send({ type: "auth", id: this.#authId, token: this.#token });
  }

  #send(message: object): void {
    this.#line?.send(message);
  }

  #report(error: unknown): void {
    (this.#options.onError ?? console.error)(error);
  }

  #publish(change: Partial<FeedState>): void {
    const rooms = Object.fromEntries([...this.#rooms].map(([name, room]) => [name, room.status]));
    this.#state = Object.freeze({ ...this.#state, ...change, rooms });
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Rooms of a wallet are joined after the token is accepted. */
function isPrivate(name: string): boolean {
  return name.startsWith("user_");
}
