"use client";

import { useRouter } from "next/router";
import type { MouseEvent, ReactNode } from "react";
import { isDemo } from "@/lib/connection";
import { shortKey } from "@/lib/format";
import { useConnection } from "@/lib/websocket";

const EXPLORER = "https://explorer.solana.com/tx/";
/** Where `./run` has its chain by itself: the explorer asks it from the reader's own machine. */
const LOCALNET = `?cluster=custom&customUrl=${encodeURIComponent("http://127.0.0.1:8899")}`;

/** What the explorer must be told to find this chain. */
export function useExplorer(): string {
  return isDemo(useConnection()) ? LOCALNET : "";
}

/** A transaction in a block explorer, in another tab. */
export function TransactionLink({
  signature,
  look = "text-faint hover:text-text",
  children,
}: {
  signature: string;
  look?: string;
  children: ReactNode;
}) {
  return (
    <ExplorerLink signature={signature} query={useExplorer()} look={look}>
      {children}
    </ExplorerLink>
  );
}

/** The same for one of many, who all share `query` of `useExplorer`. */
export function ExplorerLink({
  signature,
  query,
  look = "text-faint hover:text-text",
  children = <OutIcon />,
}: {
  signature: string;
  query: string;
  look?: string;
  children?: ReactNode;
}) {
  return (
    <a
      href={`${EXPLORER}${signature}${query}`}
      target="_blank"
      rel="noreferrer"
      aria-label={`Transaction ${shortKey(signature)} in the explorer`}
      title={signature}
      className={`inline-flex items-center rounded ${look}`}
    >
      {children}
    </a>
  );
}

export function OutIcon() {
  return (
    <svg
      viewBox="0 0 16 16"
      className="size-3.5"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      aria-hidden="true"
    >
      <path
        d="M6.5 3.5H4A1.5 1.5 0 0 0 2.5 5v7A1.5 1.5 0 0 0 4 13.5h7a1.5 1.5 0 0 0 1.5-1.5V9.5M9.5 2.5h4v4M13 3 7.5 8.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** Follow a link inside the page, as next/link does, for tables of many: without its observers. */
function useFollow(): (event: MouseEvent<HTMLAnchorElement>) => void {
  const router = useRouter();
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const { pathname, search } = new URL(event.currentTarget.href);
    void router.push(pathname + search);
  };
}

/** A wallet by the ends of its key, with the way to its page. */
export function WalletLink({
  address,
  isMe = false,
  isCreator = false,
}: {
  address: string;
  isMe?: boolean;
  isCreator?: boolean;
}) {
  const follow = useFollow();
  return (
    <span className={`inline-flex items-center gap-1.5 ${isMe || isCreator ? "max-sm:[&>a]:sr-only" : ""}`}>
      {isMe && <Tag look="bg-notice-soft text-notice">you</Tag>}
      {isCreator && <Tag look="bg-accent-soft text-accent-strong">creator</Tag>}
      <a
        href={`/wallet/?address=${address}`}
        onClick={follow}
        title={address}
        className="whitespace-nowrap font-mono text-[13px] text-muted hover:text-text hover:underline"
      >
        {shortKey(address)}
      </a>
    </span>
  );
}

function Tag({ look, children }: { look: string; children: ReactNode }) {
  return <span className={`rounded px-1.5 text-[11px] font-medium leading-4 ${look}`}>{children}</span>;
}
