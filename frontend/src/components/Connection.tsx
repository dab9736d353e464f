"use client";

import { useNow } from "@/lib/clock";
import { type ConnectionView, isDemo, viewOf } from "@/lib/connection";
import { useConnection, useWebSocket } from "@/lib/websocket";

const LOOK: Record<ConnectionView["tone"], { pill: string; dot: string }> = {
  good: { pill: "bg-buy-soft text-buy", dot: "bg-buy" },
  quiet: { pill: "bg-raised text-muted", dot: "bg-faint" },
  busy: { pill: "bg-accent-soft text-accent-strong", dot: "bg-accent animate-breathe" },
  bad: { pill: "bg-sell-soft text-sell", dot: "bg-sell" },
};

/** How live the page is, always in sight. */
export function ConnectionPill() {
  const view = viewOf(useConnection(), useNow());
  const look = LOOK[view.tone];
  return (
    <p
      role="status"
      data-connection={view.state}
      className={`flex h-8 items-center gap-2 rounded-full px-3 text-[13px] font-medium ${look.pill}`}
    >
      <span className={`size-2 rounded-full ${look.dot}`} aria-hidden="true" />
      {view.label}
    </p>
  );
}

/** What is wrong and what to do, over the page's foot, as long as something is. */
export function ConnectionNotice() {
  const view = viewOf(useConnection(), useNow());
  const { client } = useWebSocket();
  if (!view.notice) return null;
  return (
    <div className="fixed inset-x-0 bottom-4 z-30 flex justify-center px-4">
      <div className="flex max-w-xl items-center gap-4 rounded-xl border border-line bg-raised px-4 py-3 shadow-lg">
        <p>{view.notice}</p>
        {view.canRetry && (
          <button
            type="button"
            onClick={() => void client.connect()}
            className="shrink-0 cursor-pointer rounded-lg bg-accent px-3 py-1.5 font-medium text-[#1a1206] hover:brightness-105"
          >
            Connect now
          </button>
        )}
      </div>
    </div>
  );
}

/** Nobody must take the localnet's tokens for real ones. */
export function DemoBadge() {
  if (!isDemo(useConnection())) return null;
  return (
    <span
      title="A chain on this machine, with traders that trade by themselves: no real money"
      className="rounded-md border border-line bg-raised px-2 py-0.5 text-xs font-medium text-muted"
    >
      Demo data
    </span>
  );
}
