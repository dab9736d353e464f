/** A client of hub.v1 without any framework: browsers, Node, Bun, Deno. */
export type * from "../messages";
export {
  type ConnectionStatus,
  FeedClient,
  type FeedOptions,
  type FeedState,
  START,
} from "./client";
export { Feed } from "./feed";
export type { AnyFrame, EventFrame, Position, SnapshotFrame, Welcome } from "./frames";
export type { RoomOptions, RoomStatus } from "./room";
