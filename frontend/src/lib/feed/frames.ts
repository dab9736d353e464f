/** What travels on a hub.v1 socket (docs/protocol.md): types only, nothing of this is in the bundle. */

/** A place in the feed: `seq` counts inside one `epoch`. */
export interface Position {
  epoch: string;
  seq: number;
}

/** The first frame of every connection. */
export interface Welcome {
  type: "welcome";
  epoch: string;
  seq: number;
  ts: number;
  conn?: string;
  cluster?: string;
  server?: string;
  ping_interval_ms?: number;
  pong_timeout_ms?: number;
}

/** An event. Log events have `prev`, the position before it in this room (null: unknown); state events do not. */
export interface EventFrame<Name extends string = string, Data = unknown> {
  type: Name;
  room: string;
  seq: number;
  prev?: number | null;
  ts: number;
  data: Data;
}

/** Everything a room's members should know at `seq`: what came before need not be asked for. */
export interface SnapshotFrame<Data = unknown> {
  type: "snapshot";
  room: string;
  seq: number;
  epoch?: string;
  ts?: number;
  data: Data;
}

/** Any frame, as it comes off the socket. */
export interface AnyFrame {
  type: string;
  id?: number;
  room?: string;
  seq?: number;
  prev?: number | null;
  ts?: number;
  epoch?: string;
  data?: unknown;
  recovered?: boolean;
  code?: string | number;
  message?: string;
  reason?: string;
  reconnect?: boolean;
  retryable?: boolean;
  retry_after_ms?: number | null;
  after_ms?: [number, number];
}
