"use client";

import { useEffect, useState } from "react";
import { IDLE, isUnderWay, matched, type Order, told } from "./order";
import type { Trade } from "./trades";
import { fetchTradeStatus, prepare, type Quote, submit } from "./trading";
import { useWallet } from "./wallet";

/** The feed is first nearly always; the chain is asked from then on in case it never comes. */
const ASK_EVERY_MS = 3_000;

/** Places orders, and follows the newest one. `trades` are those of the feed. */
export function useOrder(trades: readonly Trade[]) {
  const { account, signTransaction } = useWallet();
  const [held, setOrder] = useState<Order>(IDLE);
  const order = matched(held, trades);
  useEffect(() => {
    if (order !== held) setOrder(order); // the trade may leave the list again: it stays confirmed
  }, [order, held]);
  useAsking(order, setOrder);
  const place = async (quote: Quote): Promise<void> => {
    const { side } = quote;
    if (!account || isUnderWay(order)) return;
    try {
      setOrder({ step: "preparing", side });
      const { transaction, last_valid_block_height: lastValid } = await prepare(quote, account.address);
      setOrder({ step: "signing", side });
      const signed = await signTransaction(transaction);
      setOrder({ step: "sending", side });
      setOrder({ step: "pending", side, signature: await submit(signed), lastValid });
    } catch (error) {
      setOrder({ step: "failed", side, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  return { order, place, clear: () => setOrder(IDLE) };
}

function useAsking(order: Order, setOrder: (change: (now: Order) => Order) => void): void {
  const signature = order.step === "pending" ? order.signature : null;
  const lastValid = order.step === "pending" ? order.lastValid : 0;
  useEffect(() => {
    if (!signature) return;
    const timer = setInterval(async () => {
      const found = await fetchTradeStatus(signature, lastValid).catch(() => null);
      if (found) setOrder((now) => told(now, found.status, found.error?.detail ?? null));
    }, ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [signature, lastValid, setOrder]);
}
