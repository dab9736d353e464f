/** A hub that does what the test says: every WebSocket that the client opens lands here. */

import { vi } from "vitest";

export interface Said {
  type: string;
  id?: number;
  room?: string;
  since?: { epoch: string; seq: number };
  snapshot?: boolean;
  token?: string;
}

/** The server's end of one connection. */
export class Connection {
  readyState = 0;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  /** What the client sent and the test has not taken. */
  said: Said[] = [];
  isClosedByClient = false;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {}

  // --- the client's side

  send(text: string): void {
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.isClosedByClient ||= this.readyState !== 3;
    this.readyState = 3;
  }

  // --- the test's side

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  welcome(epoch = "e1"): void {
    this.readyState = 1;
    this.say({
      type: "welcome",
      protocol: 1,
      epoch,
      seq: 0,
      ts: Date.now(),
      ping_interval_ms: 25_000,
      pong_timeout_ms: 10_000,
    });
  }

  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** What the client said since the last call. */
  heard(): Said[] {
    return this.said.splice(0);
  }

  /** Answer the client's last subscribe, with a snapshot at `seq`. */
  admit(room: string, seq: number, epoch = "e1"): void {
    const asked = this.heard().findLast((message) => message.type === "subscribe" && message.room === room);
    if (!asked) throw new Error(`the client did not ask for ${room}`);
    const recovered = asked.since ? { recovered: false, reason: "expired" } : {};
    this.say({ type: "subscribed", id: asked.id, room, epoch, seq, ...recovered });
    this.say({ type: "snapshot", room, epoch, seq, ts: 0, data: { at: seq } });
  }

  /** Answer the client's last subscribe: here is all you missed. */
  recover(room: string, ...events: [seq: number, prev: number][]): Said {
    const asked = this.heard().findLast((message) => message.type === "subscribe" && message.room === room);
    if (!asked) throw new Error(`the client did not ask for ${room}`);
    this.say({
      type: "subscribed",
      id: asked.id,
      room,
      epoch: "e1",
      seq: 0,
      recovered: true,
      replayed: events.length,
    });
    for (const [seq, prev] of events) this.event(room, seq, prev);
    return asked;
  }

  event(room: string, seq: number, prev: number | null): void {
    this.say({ type: "new_trade", room, seq, prev, ts: 0, data: { n: seq } });
  }
}

/** All connections that were opened, oldest first. */
export class Hub {
  connections: Connection[] = [];

  WebSocket = new Proxy(Connection, {
    construct: (target, [url, protocol]) => {
      const connection = new target(url, protocol);
      this.connections.push(connection);
      return connection;
    },
  }) as unknown as typeof WebSocket;

  /** The newest; waits for the token that the client asks for before it dials. */
  async dialled(): Promise<Connection> {
    await vi.advanceTimersByTimeAsync(0);
    const connection = this.connections.at(-1);
    if (!connection) throw new Error("the client has not dialled");
    return connection;
  }
}
