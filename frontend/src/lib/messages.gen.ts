// Made by `python -m api.typescript` from the models of the API: never edited by hand.
//
// Amounts and other integers that may pass 2^53 are decimal strings of base units, prices are
// decimal strings of quote per base token in whole tokens, keys and signatures are base58.

/** Join a room, from `since` on where that is given. Without `id` it is not acknowledged. */
export interface Subscribe {
  type: "subscribe";
  id?: number | string | null;
  room: string;
  since?: Since | null;
  snapshot?: boolean;
  events?: string[] | null;
  candles?: string[] | null;
}

/** Leave a room. Without `id` it is not acknowledged. */
export interface Unsubscribe {
  type: "unsubscribe";
  id?: number | string | null;
  room: string;
}

/** Speak for a wallet: an access token or a ticket. */
export interface Authenticate {
  type: "auth";
  id?: number | string | null;
  token: string;
}

/** Is the hub there? */
export interface ClientPing {
  type: "ping";
  id?: number | string | null;
}

/** Answer to the hub's `ping`. */
export interface ClientPong {
  type: "pong";
  id?: number | string | null;
}

/** Which rooms is this connection in? */
export interface ListRooms {
  type: "rooms";
  id?: number | string | null;
}

/** The first frame, always. `seq` is the hub's position in the feed, not a room's. */
export interface WelcomeFrame {
  type: "welcome";
  protocol: number;
  conn: string;
  epoch: string;
  seq: number;
  ts: number;
  auth: AuthState | null;
  ping_interval_ms: number;
  pong_timeout_ms: number;
  limits: Limits;
  server: string;
  cluster: "live" | "localnet";
}

/** The room is joined. `seq`: the room's position right before the next frame of it that follows: the first log event's `prev` equals it. */
export interface SubscribedFrame {
  type: "subscribed";
  room: string;
  epoch: string;
  seq: number;
  id?: number | string | null;
  recovered?: boolean | null;
  replayed?: number | null;
  reason?: "ahead" | "epoch" | "expired" | "too_many" | null;
}

/** The room is left, or had never been joined. */
export interface UnsubscribedFrame {
  type: "unsubscribed";
  room: string;
  id?: number | string | null;
}

/** The room's state at a moment at which its position was `seq`. */
export interface SnapshotFrame {
  type: "snapshot";
  room: string;
  epoch: string;
  seq: number;
  ts: number;
  data: RoomData;
}

/** What the client holds of this room is void: log events in (from, to] were not sent and are not going to be. A snapshot follows. */
export interface ResyncFrame {
  type: "resync";
  room: string;
  reason: "epoch" | "gap" | "slow";
  from?: number | null;
  to?: number | null;
}

/** Nothing happened for a while: the room still stands at `seq`. */
export interface PosFrame {
  type: "pos";
  room: string;
  epoch: string;
  seq: number;
}

/** Answer with `pong`, or anything else, in time. */
export interface PingFrame {
  type: "ping";
  ts: number;
}

/** Answer to a client's `ping`. */
export interface PongFrame {
  type: "pong";
  ts: number;
  id?: number | string | null;
}

/** Where the connection is. */
export interface RoomsFrame {
  type: "rooms";
  rooms: RoomState[];
  epoch: string;
  id?: number | string | null;
}

/** The credential is accepted. */
export interface AuthedFrame {
  type: "authed";
  auth: AuthState;
  id?: number | string | null;
}

/** The credential ends at `exp` (unix seconds): send `auth` with another, or lose the wallet's rooms. */
export interface AuthExpiringFrame {
  type: "auth_expiring";
  exp: number;
}

/** A message was not obeyed; the connection goes on unless a `goodbye` follows. */
export interface ErrorFrame {
  type: "error";
  code: "bad_json" | "bad_message" | "forbidden" | "internal" | "invalid_room" | "rate_limited" | "ticket_used" | "token_expired" | "token_invalid" | "too_large" | "too_many_rooms" | "unauthenticated" | "unavailable" | "unknown_room" | "unknown_type" | "unsupported_protocol";
  message: string;
  retryable: boolean;
  retry_after_ms: number | null;
  id?: number | string | null;
  room?: string | null;
}

/** The server closes with this code. */
export interface GoodbyeFrame {
  type: "goodbye";
  code: number;
  reason: string;
  reconnect: boolean;
  after_ms: [number, number] | null;
}

/** A token was created. */
export interface TokenCreatedFrame {
  type: "token_created";
  room: string;
  seq: number;
  ts: number;
  prev: number | null;
  data: TokenCreated;
}

/** Somebody bought or sold. */
export interface NewTradeFrame {
  type: "new_trade";
  room: string;
  seq: number;
  ts: number;
  prev: number | null;
  data: NewTrade;
}

/** A curve is full. */
export interface CurveCompletedFrame {
  type: "curve_completed";
  room: string;
  seq: number;
  ts: number;
  prev: number | null;
  data: CurveCompleted;
}

/** A token's liquidity moved to an AMM pool. */
export interface TokenMigratedFrame {
  type: "token_migrated";
  room: string;
  seq: number;
  ts: number;
  prev: number | null;
  data: TokenMigrated;
}

/** An earlier log event did not survive a fork. */
export interface RetractedFrame {
  type: "retracted";
  room: string;
  seq: number;
  ts: number;
  prev: number | null;
  data: Retracted;
}

/** A token's newest state. */
export interface PriceUpdateFrame {
  type: "price_update";
  room: string;
  seq: number;
  ts: number;
  data: PriceUpdate;
}

/** A wallet's newest position in one token. */
export interface PortfolioUpdateFrame {
  type: "portfolio_update";
  room: string;
  seq: number;
  ts: number;
  data: PortfolioUpdate;
}

/** A bar of an interval that the subscription asked for, as it is now. */
export interface CandleUpdateFrame {
  type: "candle_update";
  room: string;
  seq: number;
  ts: number;
  data: CandleUpdate;
}

/** Figures of the whole market. Its fields are not fixed. */
export interface MarketStatsFrame {
  type: "market_stats";
  room: string;
  seq: number;
  ts: number;
  data: Record<string, unknown>;
}

/** How far the chain is confirmed, and how far final. `seq`: the hub's position. */
export interface FinalityFrame {
  type: "finality";
  room: string;
  seq: number;
  ts: number;
  data: Finality;
}

/** The position a client holds. */
export interface Since {
  epoch: string;
  seq: number;
}

/** Who the connection speaks for, and until when (unix seconds). */
export interface AuthState {
  wallet: string;
  exp: number;
}

/** What a connection may do. */
export interface Limits {
  rooms: number;
  msg_per_s: number;
  burst: number;
  max_bytes: number;
}

/** One joined room; `seq` is null while it is being joined. */
export interface RoomState {
  room: string;
  seq: number | null;
}

/** `token_created`. */
export interface TokenCreated {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string;
  creator: string | null;
  pool: string | null;
  name: string;
  symbol: string;
  uri: string;
  quote_mint: string | null;
  supply: string | null;
  decimals: number | null;
  price: string | null;
  market_cap: string | null;
  flags: string[];
  block_time: number | null;
}

/** `new_trade`. `quote_amount` moved the curve, `user_quote_amount` the trader's balance. */
export interface NewTrade {
  signature: string;
  ordinal: number;
  slot: number;
  commitment: string;
  program: string;
  side: "buy" | "sell";
  mint: string;
  wallet: string | null;
  pool: string | null;
  quote_mint: string | null;
  base_amount: string;
  quote_amount: string;
  user_quote_amount: string | null;
  fees: Record<string, string>;
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
  virtual_base_reserves: string | null;
  virtual_quote_reserves: string | null;
  real_base_reserves: string | null;
  real_quote_reserves: string | null;
  block_time: number | null;
}

/** `curve_completed`. */
export interface CurveCompleted {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string | null;
  pool: string | null;
  block_time: number | null;
}

/** `token_migrated`: `pool` is the AMM pool the liquidity went to. */
export interface TokenMigrated {
  signature: string;
  slot: number;
  commitment: string;
  program: string;
  mint: string;
  wallet: string | null;
  pool: string | null;
  base_amount: string | null;
  quote_amount: string | null;
  block_time: number | null;
}

/** `retracted`: the log event with this `seq` did not survive a fork. */
export interface Retracted {
  seq: number;
  signature: string;
  reason: "fork";
}

/** `price_update`: state of a token after the log event that has the same seq. */
export interface PriceUpdate {
  mint: string;
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
}

/** `portfolio_update`: a wallet's position in one token, after the log event of that seq. */
export interface PortfolioUpdate {
  wallet: string;
  mint: string;
  base_amount: string;
  cost_quote: string;
  realized_quote: string;
  buys: number;
  sells: number;
}

/** `candle_update`: a whole bar; a greater `rev` of the same bar replaces the smaller. Without trades all that was in it has been withdrawn: prices are null. */
export interface CandleUpdate {
  mint: string;
  interval: string;
  interval_s: number;
  start: number;
  open: string | null;
  high: string | null;
  low: string | null;
  close: string | null;
  volume_base: string;
  volume_quote: string;
  trades: number;
  rev: number;
}

/** `finality`: how far the chain is confirmed, and how far nothing can undo it. */
export interface Finality {
  confirmed_slot: number;
  finalized_slot: number;
}

/** What a snapshot holds: `token` and its trades for token_{mint}; positions and trades for user_{wallet}; the newest tokens and trades for global. */
export interface RoomData {
  token?: Token | null;
  tokens?: Token[] | null;
  positions?: WalletPosition[] | null;
  trades: Trade[];
}

/** A token as far as it was seen. Null: not known. */
export interface Token {
  mint: string;
  /** Launchpad. */
  program: string;
  name: string | null;
  symbol: string | null;
  /** Of its metadata: see /tokens/{mint}/metadata. */
  uri: string | null;
  /** Path of its thumbnail here; null while there is none. */
  image: string | null;
  creator: string | null;
  /** Bonding curve. */
  pool: string | null;
  /** Pool that its liquidity went to. */
  amm_pool: string | null;
  quote_mint: string | null;
  decimals: number | null;
  quote_decimals: number | null;
  supply: string | null;
  /** What its creation said of it. */
  flags: string[];
  /** curve: on its bonding curve. completed: the curve is full. migrated: its liquidity has moved to a pool. */
  stage: "curve" | "completed" | "migrated";
  created_slot: number | null;
  /** Unix seconds. */
  created_at: number | null;
  price: string | null;
  /** In whole quote tokens. */
  market_cap: string | null;
  /** Null: no fresh price of its quote token. */
  usd: Usd | null;
  /** 0 … 10000. */
  curve_progress_bps: number | null;
  virtual_base_reserves: string | null;
  virtual_quote_reserves: string | null;
  real_base_reserves: string | null;
  real_quote_reserves: string | null;
  /** Null with as_of_slot, like other sums. */
  trades: number | null;
  buys: number | null;
  sells: number | null;
  volume_base: string | null;
  volume_quote: string | null;
  /** Wallets that hold it as far as trades tell: derived, transfers are not seen. Null with as_of_slot: see /holders. */
  holders: number | null;
  /** Unix seconds. */
  last_trade_at: number | null;
  /** The curve was full here. */
  completed_slot: number | null;
  /** The liquidity moved here. */
  migrated_slot: number | null;
  /** Position in the feed that first named it: age. */
  first_seq: number;
  /** Position in the feed of its newest change of state. */
  seq: number;
  /** 1h and 24h, as of the last seconds, a day's of the last two minutes; /stats has them all and exact. A window without a trade is absent; null with as_of_slot and in a room's snapshot. */
  windows: Record<string, Window> | null;
}

/** A trade. Names are those of `new_trade` in the feed, and `seq` is its position there. */
export interface Trade {
  signature: string;
  /** Which of its program's events in the transaction. */
  ordinal: number;
  slot: number;
  /** Of the transaction in its block. Null: not known yet; it is soon. */
  tx_index: number | null;
  seq: number;
  program: string;
  side: "buy" | "sell";
  mint: string;
  wallet: string | null;
  pool: string | null;
  quote_mint: string | null;
  base_amount: string;
  /** What moved the curve. */
  quote_amount: string;
  /** What the trader paid or received. */
  user_quote_amount: string | null;
  /** The same in dollars at the time of the trade; null: no price was known then. */
  usd: string | null;
  fees: Record<string, string>;
  /** After the trade. */
  price: string | null;
  market_cap: string | null;
  curve_progress_bps: number | null;
  virtual_base_reserves: string | null;
  virtual_quote_reserves: string | null;
  real_base_reserves: string | null;
  real_quote_reserves: string | null;
  /** Unix seconds. */
  block_time: number | null;
}

/** Dollars by the newest price of the quote token; never guessed: absent while that is old. */
export interface Usd {
  /** Of one whole token. */
  price: string;
  market_cap: string | null;
  /** fixed, pyth or http. */
  source: string;
  /** Of the reading, where it was an account's. */
  slot: number | null;
  /** Age of the reading. */
  age_s: number;
}

/** What a wallet holds of a token, as far as its trades tell. Names are `portfolio_update`'s. */
export interface WalletPosition {
  wallet: string;
  mint: string;
  base_amount: string;
  /** Average cost, in quote units, of what is still held. */
  cost_quote: string;
  /** Realised profit or loss so far, in quote units. */
  realized_quote: string;
  buys: number;
  sells: number;
}

/** What happened inside a window of time that ends now, on the token's own pools. */
export interface Window {
  volume_base: string;
  /** What moved the curve. */
  volume_quote: string;
  buys: number;
  sells: number;
  /** Different wallets. */
  buyers: number;
  sellers: number;
  /** Against the last price before the window; null: there was none. */
  price_change_bps: number | null;
}

/** Everything the hub sends. */
export type ServerFrame =
  | WelcomeFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | SnapshotFrame
  | ResyncFrame
  | PosFrame
  | PingFrame
  | PongFrame
  | RoomsFrame
  | AuthedFrame
  | AuthExpiringFrame
  | ErrorFrame
  | GoodbyeFrame
  | TokenCreatedFrame
  | NewTradeFrame
  | CurveCompletedFrame
  | TokenMigratedFrame
  | RetractedFrame
  | PriceUpdateFrame
  | PortfolioUpdateFrame
  | CandleUpdateFrame
  | MarketStatsFrame
  | FinalityFrame;

/** Everything a client may say. */
export type ClientMessage =
  | Subscribe
  | Unsubscribe
  | Authenticate
  | ClientPing
  | ClientPong
  | ListRooms;

/** Event name to its data. */
export interface FeedEvents {
  token_created: TokenCreatedFrame["data"];
  new_trade: NewTradeFrame["data"];
  curve_completed: CurveCompletedFrame["data"];
  token_migrated: TokenMigratedFrame["data"];
  retracted: RetractedFrame["data"];
  price_update: PriceUpdateFrame["data"];
  portfolio_update: PortfolioUpdateFrame["data"];
  candle_update: CandleUpdateFrame["data"];
  market_stats: MarketStatsFrame["data"];
  finality: FinalityFrame["data"];
}
