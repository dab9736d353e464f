"use client";

/**
 * Wallets in React:
 *
 *     <WalletProvider>…</WalletProvider>
 *     const { wallets, connect, account, signIn, session, signTransaction } = useWallet();
 *
 * The feed speaks for the wallet as soon as it has signed in, and for nobody when it has signed out.
 */

import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from "react";
import { alive } from "../hydration";
import { useWebSocket } from "../websocket";
import type { SiteConfig } from "./site";
import { NO_WALLET, type WalletState, WalletStore } from "./store";

export { WalletError, type WalletErrorCode } from "./errors";
export type { Session } from "./session";
export type { SiteConfig } from "./site";
export type { WalletOption } from "./standard";
export type { WalletState } from "./store";

const API = process.env.NEXT_PUBLIC_API_URL ?? "";

/** The bundler drops this branch, and with it the burner, where the variable is not set at build time. */
const burner =
  process.env.NEXT_PUBLIC_BURNER === "1"
    ? async (site: SiteConfig) => {
        const { makeBurner } = await import("./burner");
        return makeBurner({ site, airdrop });
      }
    : undefined;

async function airdrop(wallet: string): Promise<void> {
  const response = await fetch(`${API}/api/v1/trading/airdrop`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ wallet }),
  });
  if (!response.ok) throw new Error(`no airdrop: ${response.status}`);
}

let shared: WalletStore | undefined;

function sharedStore(): WalletStore {
  shared ??= new WalletStore({ api: API, ...(burner ? { burner } : {}) });
  return shared;
}

/** Gives a subtree its own store: for tests. */
export const WalletContext = createContext<WalletStore | null>(null);

function useStore(): WalletStore | null {
  const given = useContext(WalletContext);
  return given ?? (typeof window === "undefined" ? null : sharedStore());
}

/** Finds the wallets, reconnects, and lets the feed speak for whoever has signed in. Around the whole page. */
export function WalletProvider({ children }: { children: ReactNode }) {
  const store = useStore();
  const { client } = useWebSocket();
  const wallet = useWallet().session?.wallet ?? null;
  useEffect(() => {
    void alive().then(() => store?.start());
  }, [store]);
  useEffect(() => {
    if (!store || !wallet) return;
    client.authenticate(store.sessions.ticket);
    return () => client.authenticate(() => null);
  }, [store, client, wallet]);
  return children;
}

export interface WalletApi extends WalletState {
  /** Ask a wallet, by its id, for its account. Remembered: the next visit connects by itself. */
  connect: WalletStore["connect"];
  /** Forget the wallet and sign out. */
  disconnect: WalletStore["disconnect"];
  /** Prove to the API that the key is ours: opens the wallet's own room. */
  signIn: WalletStore["signIn"];
  signOut: WalletStore["signOut"];
  /** Base64 of a transaction in, base64 of the signed one out. It is not sent. */
  signTransaction: WalletStore["signTransaction"];
  clearError: WalletStore["clearError"];
}

/** What goes wrong is in `error`, and thrown as WalletError by the function that was called. */
export function useWallet(): WalletApi {
  const store = useStore();
  const state = useSyncExternalStore(
    store?.watch ?? watchNothing,
    () => store?.state ?? NO_WALLET,
    () => NO_WALLET,
  );
  return { ...state, ...(store ? functionsOf(store) : NO_FUNCTIONS) };
}

/** Call the API as the signed-in wallet: null when nobody is. Path without `/api/v1/`. */
export function authorizedFetch(path: string, init?: RequestInit): Promise<Response | null> {
  return sharedStore().sessions.fetch(path, init);
}

function functionsOf(store: WalletStore) {
  const { connect, disconnect, signIn, signOut, signTransaction, clearError } = store;
  return { connect, disconnect, signIn, signOut, signTransaction, clearError };
}

const watchNothing = () => () => {};
const nothing = async () => {
  throw new Error("There is no wallet on a server.");
};
const NO_FUNCTIONS = {
  connect: nothing,
  disconnect: nothing,
  signIn: nothing,
  signOut: nothing,
  signTransaction: nothing,
  clearError: () => {},
};
