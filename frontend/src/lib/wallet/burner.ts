/**
 * A wallet for the localnet whose key lies in this browser: a newcomer trades without installing anything.
 *
 * It is a wallet of the Wallet Standard like any other, so that the page knows one way only. It asks nobody before
 * it signs and its key is readable by every script of the page: made for coins that are worth nothing, and refused
 * everywhere else (`makeBurner`). This file is in the bundle only where NEXT_PUBLIC_BURNER is set at build time.
 */

import type { SolanaSignInInput } from "@solana/wallet-standard-features";
import type { Wallet, WalletAccount } from "@wallet-standard/base";
import { type Bytes, fromBase64, toBase58 } from "./bytes";
import { WalletError } from "./errors";
import { signInText } from "./signInText";
import { isPlayground, type SiteConfig } from "./site";
import { BURNER_FEATURE } from "./standard";
import { signed } from "./transaction";

/** Also how a test finds out whether a build contains this file. */
export const BURNER_NAME = "Burner (localnet)";
const STORED = "curvefeed.burner";
const FEATURES = ["solana:signTransaction", "solana:signMessage", "solana:signIn"] as const;
const FLAME =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#d9480f"/>' +
  '<path fill="#fff" d="M17 5c1 5-6 7-6 13a6 6 0 0 0 11 3c1-4-1-6-2-8 0 2-1 3-2 3 1-4 0-8-1-11z"/></svg>';

interface Stored {
  key: JsonWebKey;
  /** Genesis of the chain on which it has asked for coins. */
  fundedOn: string | null;
}

export interface BurnerOptions {
  site: SiteConfig;
  storage?: Storage;
  /** Ask the localnet for coins for an address; called at its first connection to each chain. */
  airdrop: (address: string) => Promise<void>;
}

interface Key {
  address: string;
  publicKey: Bytes;
  sign: (message: Bytes) => Promise<Bytes>;
}

/** The wallet, not registered yet. Throws WalletError on every chain but a localnet, and on an insecure page. */
export function makeBurner({ site, storage = localStorage, airdrop }: BurnerOptions): Wallet {
  if (!isPlayground(site)) throw new WalletError("no_feature", "The burner wallet is for a localnet only.");
  if (!globalThis.crypto?.subtle) {
    throw new WalletError(
      "insecure",
      "Open the page on localhost or by https: browsers give keys to no other.",
    );
  }
  const listeners = new Set<(change: { accounts: readonly WalletAccount[] }) => void>();
  let key: Key | null = null;
  let accounts: readonly WalletAccount[] = [];

  const settle = (next: readonly WalletAccount[]) => {
    accounts = next;
    for (const listener of [...listeners]) listener({ accounts });
  };
  const held = (): Key => {
    if (!key) throw new WalletError("failed", "The burner wallet is not connected.");
    return key;
  };
  const connect = async (input?: { silent?: boolean }) => {
    const stored = read(storage);
    if (input?.silent && !stored) return { accounts };
    const { stored: kept, key: opened } = stored
      ? { stored, key: await openKey(stored.key) }
      : await makeKey();
    if (kept.fundedOn !== site.genesis_hash) {
      // The page shows what the wallet holds; that it holds nothing is no reason not to connect.
      const isFunded = await airdrop(opened.address).then(
        () => true,
        () => false,
      );
      write(storage, isFunded ? { ...kept, fundedOn: site.genesis_hash } : kept);
    }
    key = opened;
    const account = {
      address: key.address,
      publicKey: key.publicKey,
      chains: [site.chain],
      features: FEATURES,
    };
    settle([Object.freeze(account)]);
    return { accounts };
  };

  return {
    version: "1.0.0",
    name: BURNER_NAME,
    icon: `data:image/svg+xml;base64,${btoa(FLAME)}`,
    chains: [site.chain],
    get accounts() {
      return accounts;
    },
    features: {
      [BURNER_FEATURE]: { version: "1.0.0" },
      "standard:connect": { version: "1.0.0", connect },
      "standard:disconnect": {
        version: "1.0.0",
        disconnect: async () => {
          key = null;
          settle([]);
        },
      },
      "standard:events": {
        version: "1.0.0",
        on: (_: string, listener: (change: { accounts: readonly WalletAccount[] }) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      "solana:signTransaction": {
        version: "1.0.0",
        supportedTransactionVersions: ["legacy", 0],
        signTransaction: async (...inputs: { transaction: Bytes }[]) =>
          Promise.all(
            inputs.map(async ({ transaction }) => {
              const { publicKey, sign } = held();
              return { signedTransaction: await signed(transaction, publicKey, sign) };
            }),
          ),
      },
      "solana:signMessage": {
        version: "1.1.0",
        signMessage: async (...inputs: { message: Bytes }[]) =>
          Promise.all(
            inputs.map(async ({ message }) => ({
              signedMessage: message,
              signature: await held().sign(message),
            })),
          ),
      },
      "solana:signIn": {
        version: "1.0.0",
        signIn: async (...inputs: SolanaSignInInput[]) =>
          Promise.all(
            inputs.map(async (input) => {
              const { address, sign } = held();
              const text = signInText({ ...input, domain: input.domain ?? location.host, address });
              const signedMessage = new TextEncoder().encode(text);
              return { account: accounts[0], signedMessage, signature: await sign(signedMessage) };
            }),
          ),
      },
    },
  };
}

// --- the key

function read(storage: Storage): Stored | null {
  const text = storage.getItem(STORED);
  return text ? JSON.parse(text) : null;
}

function write(storage: Storage, stored: Stored): void {
  storage.setItem(STORED, JSON.stringify(stored));
}

async function makeKey(): Promise<{ stored: Stored; key: Key }> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { stored: { key: jwk, fundedOn: null }, key: await openKey(jwk) };
}

async function openKey(jwk: JsonWebKey): Promise<Key> {
  const secret = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);
  const publicKey = fromBase64(jwk.x ?? "");
  const sign = async (message: Bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", secret, message));
  return { address: toBase58(publicKey), publicKey, sign };
}
