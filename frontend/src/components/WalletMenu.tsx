"use client";

import Link from "next/link";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { shortKey } from "@/lib/format";
import { useWallet } from "@/lib/wallet";

const BUTTON =
  "flex h-9 cursor-pointer items-center gap-2 rounded-lg px-3 font-medium whitespace-nowrap disabled:cursor-default disabled:opacity-60";
const ENTRY =
  "flex h-10 w-full cursor-pointer items-center gap-2.5 rounded-lg px-2.5 text-left hover:bg-raised disabled:opacity-60";
/** Whoever wants the menu open says so to the window. */
const OPEN = "curvefeed:wallets";

/** Open the menu of wallets, from anywhere on the page. */
export function openWallets(): void {
  window.dispatchEvent(new Event(OPEN));
}

/** Connect a wallet, sign in, and what one does with it. */
export function WalletMenu() {
  const { status, account, wallet, session, isBusy, error } = useWallet();
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const open = () => {
      setOpen(true);
      button.current?.focus();
    };
    window.addEventListener(OPEN, open);
    return () => window.removeEventListener(OPEN, open);
  }, []);
  const isConnected = status === "connected" && account !== null;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only closes what it holds
    <div
      className="relative"
      onKeyDown={({ key }) => key === "Escape" && setOpen(false)}
      onBlur={({ currentTarget, relatedTarget }) => {
        if (relatedTarget && !currentTarget.contains(relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        aria-expanded={isOpen}
        aria-haspopup="true"
        onClick={() => setOpen((now) => !now)}
        className={`${BUTTON} ${isConnected ? "border border-line bg-surface hover:bg-raised" : "bg-accent text-[#1a1206] hover:brightness-105"}`}
      >
        {isConnected ? (
          <>
            <Icon source={wallet?.icon} />
            <span className="font-mono text-[13px]">{shortKey(account.address)}</span>
            {session && <span className="size-1.5 rounded-full bg-buy" title="Signed in" />}
          </>
        ) : (
          <span>
            Connect<span className="max-sm:sr-only"> wallet</span>
          </span>
        )}
      </button>
      {isOpen && (
        <div className="absolute right-0 top-11 z-40 w-[270px] rounded-xl border border-line bg-surface p-2 shadow-lg">
          {isConnected ? (
            <Connected onDone={() => setOpen(false)} />
          ) : (
            <Choice onDone={() => setOpen(false)} />
          )}
          {isBusy && <Note>{WAITING[isBusy]}</Note>}
          {error && <Note isBad>{error.message}</Note>}
        </div>
      )}
    </div>
  );
}

const WAITING = {
  connect: "Waiting for the wallet…",
  signIn: "Sign the text in your wallet. It costs nothing.",
  signTransaction: "Waiting for your signature…",
};

function Note({ isBad = false, children }: { isBad?: boolean; children: ReactNode }) {
  return (
    <p
      role={isBad ? "alert" : "status"}
      className={`m-1 rounded-lg px-2.5 py-2 text-[13px] ${isBad ? "bg-sell-soft text-sell" : "bg-raised text-muted"}`}
    >
      {children}
    </p>
  );
}

function Icon({ source }: { source: string | undefined }) {
  // biome-ignore lint/performance/noImgElement: a data URI of the wallet's own
  return source ? <img src={source} alt="" width={20} height={20} className="rounded" /> : null;
}

function Choice({ onDone }: { onDone: () => void }) {
  const { wallets, connect, status, isBusy } = useWallet();
  if (wallets.length === 0)
    return (
      <p className="px-2.5 py-2 text-[13px] text-muted">
        {status === "loading"
          ? "Looking for wallets…"
          : "No wallet was found in this browser. Install one that follows the Wallet Standard, then come back."}
      </p>
    );
  return (
    <ul>
      {wallets.map(({ id, name, icon, isBurner }) => (
        <li key={id}>
          <button
            type="button"
            data-wallet={id}
            disabled={isBusy !== null}
            onClick={() => void connect(id).then(onDone, () => {})}
            className={ENTRY}
          >
            <Icon source={icon} />
            <span className="min-w-0">
              <span className="block truncate">{name}</span>
              {isBurner && <span className="label block">Made in this browser, with play money</span>}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Connected({ onDone }: { onDone: () => void }) {
  const { account, session, signIn, signOut, disconnect, isBusy } = useWallet();
  const quietly = (action: Promise<void>) => void action.then(onDone, () => {});
  return (
    <ul>
      <li>
        <Link
          href={`/wallet/?address=${account?.address}`}
          prefetch={false}
          onClick={onDone}
          className={ENTRY}
        >
          Positions and history
        </Link>
      </li>
      <li>
        {session ? (
          <button type="button" onClick={() => quietly(signOut())} className={ENTRY}>
            Sign out
          </button>
        ) : (
          <button
            type="button"
            disabled={isBusy !== null}
            onClick={() => quietly(signIn())}
            className={ENTRY}
          >
            Sign in
          </button>
        )}
      </li>
      <li>
        <button type="button" onClick={() => quietly(disconnect())} className={ENTRY}>
          Disconnect
        </button>
      </li>
    </ul>
  );
}
