/** One order of the reader's, from the click to the feed's event. Pure. */

import type { Trade } from "./trades";
import type { TradeSide } from "./trading";

export type Order =
  | { step: "idle" }
  | { step: "preparing" | "signing" | "sending"; side: TradeSide }
  /** Sent: it counts when the feed brings the trade with this signature. */
  | { step: "pending"; side: TradeSide; signature: string; lastValid: number }
  | { step: "confirmed"; side: TradeSide; signature: string; trade: Trade | null }
  | { step: "failed"; side: TradeSide; reason: string };

export const IDLE: Order = { step: "idle" };

/** Nothing else may be ordered meanwhile. */
export function isUnderWay(order: Order): boolean {
  return ["preparing", "signing", "sending", "pending"].includes(order.step);
}

/** The order after what the feed has brought: pending until it has the trade of its signature. */
export function matched(order: Order, trades: readonly Trade[]): Order {
  if (order.step !== "pending" && order.step !== "confirmed") return order;
  if (order.step === "confirmed" && order.trade) return order;
  const trade = trades.find(({ signature }) => signature === order.signature);
  return trade ? { step: "confirmed", side: order.side, signature: order.signature, trade } : order;
}

/** The order after what the chain says of its signature: the feed may be away, and failures are not in it. */
export function told(order: Order, status: string, reason: string | null): Order {
  if (order.step !== "pending") return order;
  const { side, signature } = order;
  if (status === "confirmed" || status === "finalized")
    return { step: "confirmed", side, signature, trade: null };
  if (status === "expired")
    return { step: "failed", side, reason: "It was not included in time. Nothing was spent." };
  if (status === "failed") return { step: "failed", side, reason: reason ?? "The chain refused it." };
  return order;
}
