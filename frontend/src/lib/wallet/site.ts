/** Which chain this page is about: asked of the API, never guessed. */

import { WalletError } from "./errors";

/** `GET /api/v1/config`. */
export interface SiteConfig {
  cluster: "localnet" | "live";
  /** The Wallet Standard's name, such as `solana:mainnet`. */
  chain: `solana:${string}`;
  genesis_hash: string | null;
}

/** Genesis hashes of clusters whose tokens are worth something to somebody. */
const PUBLIC_CLUSTERS = new Set([
  "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d", // mainnet
  "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG", // devnet
  "4uhcVJyU9pJkvQyUS88uRDiswHXSCkY3zQawwpjk2NsNY", // testnet
]);

/** A chain on the server's machine: what it says of itself, its name, and its genesis all have to agree. */
export function isPlayground({ cluster, chain, genesis_hash }: SiteConfig): boolean {
  return (
    cluster === "localnet" &&
    chain === "solana:localnet" &&
    genesis_hash !== null &&
    !PUBLIC_CLUSTERS.has(genesis_hash)
  );
}

export async function fetchSite(api: string, signal?: AbortSignal): Promise<SiteConfig> {
  const response = await fetch(`${api}/api/v1/config`, signal ? { signal } : {}).catch(() => null);
  if (!response?.ok) throw new WalletError("network", "The API does not say which chain this is.");
  return response.json();
}
