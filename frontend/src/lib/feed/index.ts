export { type ConnectionStatus, FeedClient, type FeedOptions, type FeedState } from "./client";
export type { AnyFrame, EventFrame, Position, SnapshotFrame, Welcome } from "./frames";
export type { RoomStatus } from "./room";
