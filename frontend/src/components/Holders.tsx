"use client";

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { retry } from "@/lib/api";
import { amount, MISSING, percent, quoteOf } from "@/lib/format";
import { fetchTraders } from "@/lib/stats";
import type { Token } from "@/lib/tokens";
import { useUnit } from "@/lib/units";
import { useHolders } from "@/lib/useFacts";
import { WalletLink } from "./links";
import { amountIn, Gain } from "./values";

const AGAIN_MS = 10_000;
const COLUMN = "px-2 first:pl-4 last:pr-4";

interface Shown {
  mint: string;
  token: Token | null;
  me: string | null;
}

function Table({ caption, columns, children }: { caption: string; columns: string[]; children: ReactNode }) {
  return (
    <div className="overflow-x-auto border-t border-line">
      <table className="w-full border-collapse text-right">
        <caption className="sr-only">{caption}</caption>
        <thead className="border-b border-line text-xs text-faint">
          <tr className="[&>th]:h-9 [&>th]:font-normal">
            {columns.map((name, index) => (
              <th key={name} scope="col" className={`${COLUMN} ${index < 2 ? "text-left" : ""}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="[&>tr]:h-9 [&>tr]:border-b [&>tr]:border-line/50 [&>tr:last-child]:border-0">
          {children}
        </tbody>
      </table>
    </div>
  );
}

function Nothing({ isPending, error, text }: { isPending: boolean; error: Error | null; text: string }) {
  return (
    <p className="border-t border-line px-4 py-10 text-center text-muted">
      {error ? `The server did not say: ${error.message}` : isPending ? "Loading…" : text}
    </p>
  );
}

/** Who holds how much, as the trades tell. */
export function Holders({ mint, token, me }: Shown) {
  const { data, isPending, error } = useHolders(mint, token !== null);
  if (!data?.items.length)
    return <Nothing isPending={isPending} error={data ? null : error} text="Nobody holds it." />;
  return (
    <>
      <Table caption="Holders, largest first" columns={["#", "Wallet", token?.symbol || "Tokens", "Share"]}>
        {data.items.map((holder, index) => (
          <tr key={holder.wallet}>
            <td className={`w-10 text-left text-faint ${COLUMN}`}>{index + 1}</td>
            <td className={`text-left ${COLUMN}`}>
              <WalletLink address={holder.wallet} isMe={holder.wallet === me} isCreator={holder.is_creator} />
            </td>
            <td className={COLUMN}>{amount(holder.base_amount, token?.decimals ?? 6)}</td>
            <td className={COLUMN}>{holder.share_bps === null ? MISSING : percent(holder.share_bps)}</td>
          </tr>
        ))}
      </Table>
      <p className="label px-4 py-3">
        Derived from trades: transfers between wallets are not in it.
        {data.top10_bps !== null && ` The top ten hold ${percent(data.top10_bps)}.`}
      </p>
    </>
  );
}

/** Who has made most of it. */
export function TopTraders({ mint, token, me }: Shown) {
  const { data, isPending, error } = useQuery({
    queryKey: ["traders", mint],
    queryFn: ({ signal }) => fetchTraders(mint, signal),
    enabled: token !== null,
    refetchInterval: AGAIN_MS,
    retry,
  });
  const quoteMint = token?.quoteMint ?? null;
  const { unit } = useUnit(quoteOf(quoteMint).symbol, token?.usdRate ?? null);
  if (!data?.length)
    return <Nothing isPending={isPending} error={data ? null : error} text="Nobody has traded it." />;
  const columns = ["#", "Wallet", `Bought, ${unit.symbol}`, `Sold, ${unit.symbol}`, "Realised", "Unrealised"];
  return (
    <Table caption="Traders by realised profit" columns={columns}>
      {data.map((trader, index) => (
        <tr key={trader.wallet}>
          <td className={`w-10 text-left text-faint ${COLUMN}`}>{index + 1}</td>
          <td className={`text-left ${COLUMN}`}>
            <WalletLink address={trader.wallet} isMe={trader.wallet === me} isCreator={trader.is_creator} />
          </td>
          <td className={COLUMN}>{amountIn(trader.bought_quote, quoteMint, unit)}</td>
          <td className={COLUMN}>{amountIn(trader.sold_quote, quoteMint, unit)}</td>
          <td className={COLUMN}>
            <Gain units={trader.realized_quote} quoteMint={quoteMint} unit={unit} />
          </td>
          <td className={COLUMN}>
            <Gain units={trader.unrealized_quote} quoteMint={quoteMint} unit={unit} />
          </td>
        </tr>
      ))}
    </Table>
  );
}
