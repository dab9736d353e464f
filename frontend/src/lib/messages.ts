/**
 * What travels on the WebSocket: made from the API's own models by `python -m api.typescript`, never edited.
 * Types only: nothing of this is in the bundle.
 */
export type * from "./messages.gen";
