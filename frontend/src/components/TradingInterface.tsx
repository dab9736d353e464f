"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError, retry } from "@/lib/api";
import { amount, quoteOf } from "@/lib/format";
import { isUnderWay, type Order } from "@/lib/order";
import { useText } from "@/lib/settings";
import type { Token } from "@/lib/tokens";
import type { Trade } from "@/lib/trades";
import { fetchBalance, fetchQuote, type Terms, type TradeSide, toUnits } from "@/lib/trading";
import { useOrder } from "@/lib/useOrder";
import { useWallet } from "@/lib/wallet";
import { TransactionLink } from "./links";
import { QuoteLines } from "./QuoteLines";
import { AmountField, Slippage } from "./TradingFields";
import { openWallets } from "./WalletMenu";

const DEFAULT_SLIPPAGE = "1";
const MOST_SLIPPAGE_BPS = 5_000;
const REST_MS = 200;
const QUOTE_AGAIN_MS = 2_000;
const BALANCE_AGAIN_MS = 5_000;

function useRested<Value>(value: Value): Value {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

function bpsOf(text: string): number | null {
  const bps = Math.round(Number(text) * 100);
  return text.trim() && Number.isFinite(bps) && bps >= 0 && bps <= MOST_SLIPPAGE_BPS ? bps : null;
}

/** Buy and sell on the curve. The transaction is made by our server, signed by the wallet, and found in the feed. */
export function TradingInterface({
  mint,
  token,
  trades,
}: {
  mint: string;
  token: Token | null;
  trades: readonly Trade[];
}) {
  const [side, setSide] = useState<TradeSide>("buy");
  const [text, setText] = useState("");
  const [storedSlippage, setSlippage] = useText("slippage");
  const slippage = storedSlippage || DEFAULT_SLIPPAGE;
  const { account, status, isBusy } = useWallet();
  const { order, place, clear } = useOrder(trades);
  const wallet = account?.address ?? null;
  const quoteToken = quoteOf(token?.quoteMint ?? null);
  const decimals = side === "buy" ? quoteToken.decimals : (token?.decimals ?? 6);
  const units = toUnits(text, decimals);
  const slippageBps = bpsOf(slippage);
  useEffect(() => {
    if (order.step === "confirmed") setText(""); // what it was entered for is no more
  }, [order.step]);
  const balance = useBalance(wallet, mint, order);
  const { quote, error, isExact } = useQuote({ mint, side, units, slippageBps, wallet });
  const symbol = token?.symbol || "tokens";
  const reason = whyNot({
    token,
    isConnected: wallet !== null,
    text,
    units,
    slippageBps,
    owned: side === "buy" ? balance?.lamports : balance?.base_amount,
    error,
    side,
  });
  const choose = (next: TradeSide) => {
    setSide(next);
    setText("");
    if (!isUnderWay(order)) clear();
  };
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (wallet === null) openWallets();
    else if (quote && isExact && !reason) void place(quote);
  };
  return (
    <section aria-label="Trade" className="card overflow-hidden">
      <h2 className="sr-only">Trade</h2>
      <Sides side={side} onChange={choose} />
      <form onSubmit={send} className="flex flex-col gap-3 px-4 pb-4 pt-3">
        <AmountField
          side={side}
          text={text}
          symbol={side === "buy" ? quoteToken.symbol : symbol}
          onChange={setText}
          owned={side === "buy" ? (balance?.lamports ?? null) : (balance?.base_amount ?? null)}
          decimals={decimals}
        />
        <Slippage value={slippage} isValid={slippageBps !== null} onChange={setSlippage} />
        <QuoteLines quote={quote} token={token} />
        <Action
          side={side}
          symbol={symbol}
          order={order}
          isConnected={wallet !== null}
          isLoading={status === "loading" || status === "connecting"}
          isReady={isExact}
          reason={reason}
          isAsking={isBusy === "signTransaction"}
        />
        <Outcome order={order} token={token} />
      </form>
    </section>
  );
}

function useBalance(wallet: string | null, mint: string, order: Order) {
  const { data, refetch } = useQuery({
    queryKey: ["balance", wallet, mint],
    queryFn: ({ signal }) => fetchBalance(wallet ?? "", mint, signal),
    enabled: wallet !== null,
    refetchInterval: BALANCE_AGAIN_MS,
    retry,
  });
  useEffect(() => {
    if (order.step === "confirmed") void refetch();
  }, [order.step, refetch]);
  return data;
}

/**
 * The quote for exactly what is entered now. While it is on its way the one before is shown, if it is of the same
 * side, and `isExact` says that it must not be ordered.
 */
function useQuote(asked: {
  mint: string;
  side: TradeSide;
  units: bigint | null;
  slippageBps: number | null;
  wallet: string | null;
}) {
  const { mint, side, units, slippageBps, wallet } = asked;
  const amounts = side === "buy" ? { quote_amount: String(units) } : { base_amount: String(units) };
  const payer = wallet ? { wallet } : {};
  const terms: Terms = { mint, side, ...amounts, slippage_bps: slippageBps ?? 0, ...payer };
  const wanted = JSON.stringify(terms);
  const rested = useRested(wanted);
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["quote", rested],
    queryFn: ({ signal }) => fetchQuote(JSON.parse(rested), signal),
    enabled: Boolean(units) && slippageBps !== null && rested === wanted,
    placeholderData: keepPreviousData,
    refetchInterval: QUOTE_AGAIN_MS,
    retry: false,
  });
  const isOfNow = rested === wanted;
  const quote = units && data?.side === side ? data : null;
  return { quote, error: isOfNow ? error : null, isExact: isOfNow && quote !== null && !isPlaceholderData };
}

/** Why nothing can be ordered now, in words; null: it can. The chain's own reasons come with the quote. */
export function whyNot(at: {
  token: Token | null;
  isConnected: boolean;
  text: string;
  units: bigint | null;
  slippageBps: number | null;
  owned: string | null | undefined;
  error: Error | null;
  side: TradeSide;
}): string | null {
  if (!at.token) return "Loading the token";
  if (at.token.stage !== "curve") return "The curve is sold out: it trades on an exchange now";
  if (!at.isConnected) return null;
  if (!at.text.trim()) return "Enter an amount";
  if (at.units === null) return "That is no amount";
  if (at.units === 0n) return "Enter an amount above zero";
  if (at.slippageBps === null) return "Slippage must be from 0 to 50 %";
  if (at.side === "sell" && at.owned === "0") return "You hold none of it";
  if (at.owned != null && at.units > BigInt(at.owned))
    return at.side === "buy" ? "More than your balance" : "More than you hold";
  if (at.error) return at.error instanceof ApiError ? at.error.message : "No quote can be had now";
  return null;
}

function Sides({ side, onChange }: { side: TradeSide; onChange: (side: TradeSide) => void }) {
  const look = (one: TradeSide) => {
    if (side !== one) return "text-muted hover:text-text border-transparent";
    return one === "buy" ? "text-buy border-buy" : "text-sell border-sell";
  };
  return (
    <fieldset className="grid grid-cols-2 border-b border-line">
      <legend className="sr-only">Side</legend>
      {(["buy", "sell"] as const).map((one) => (
        <label
          key={one}
          className={`relative flex h-12 cursor-pointer items-center justify-center border-b-2 font-semibold has-focus-visible:bg-raised ${look(one)}`}
        >
          <input
            type="radio"
            name="side"
            checked={side === one}
            onChange={() => onChange(one)}
            className="absolute inset-0 m-0 cursor-pointer appearance-none outline-none"
          />
          {one === "buy" ? "Buy" : "Sell"}
        </label>
      ))}
    </fieldset>
  );
}

const STEPS: Partial<Record<Order["step"], string>> = {
  preparing: "Preparing…",
  signing: "Sign in your wallet…",
  sending: "Sending…",
  pending: "Sent, waiting for the chain…",
};

function Action(props: {
  side: TradeSide;
  symbol: string;
  order: Order;
  isConnected: boolean;
  isLoading: boolean;
  isReady: boolean;
  reason: string | null;
  isAsking: boolean;
}) {
  const { side, symbol, order, isConnected, isLoading, isReady, reason } = props;
  const isBusy = isUnderWay(order);
  const look = `text-on-colour ${side === "buy" ? "bg-buy" : "bg-sell"}`;
  const word = `${side === "buy" ? "Buy" : "Sell"} ${symbol}`;
  const label =
    STEPS[order.step] ??
    reason ??
    (isConnected ? word : isLoading ? "Looking for your wallet" : "Connect a wallet");
  return (
    <button
      type="submit"
      disabled={isBusy || reason !== null || (isConnected ? !isReady : isLoading)}
      data-action={isConnected ? side : "connect"}
      className={`min-h-11 cursor-pointer rounded-lg px-3 py-2 font-semibold hover:brightness-105 disabled:cursor-default disabled:bg-raised disabled:text-muted ${isConnected ? look : "bg-accent text-[#1a1206]"}`}
    >
      {label}
    </button>
  );
}

/** How the newest order ended. */
function Outcome({ order, token }: { order: Order; token: Token | null }) {
  return (
    <p
      role="status"
      data-order={order.step}
      className={`empty:hidden rounded-lg px-3 py-2 text-[13px] ${order.step === "failed" ? "bg-sell-soft text-sell" : "bg-buy-soft text-buy"}`}
    >
      {order.step === "failed" && order.reason}
      {order.step === "confirmed" && (
        <>
          {order.side === "buy" ? "Bought" : "Sold"}
          {order.trade
            ? ` ${amount(order.trade.base, token?.decimals ?? 6)} ${token?.symbol ?? ""} for ${amount(order.trade.quote, quoteOf(order.trade.quoteMint).decimals)} ${quoteOf(order.trade.quoteMint).symbol}. `
            : ", confirmed by the chain. "}
          <TransactionLink signature={order.signature} look="text-inherit">
            <span className="underline">Transaction</span>
          </TransactionLink>
        </>
      )}
    </p>
  );
}
