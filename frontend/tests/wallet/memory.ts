import type { Bytes } from "@/lib/wallet/bytes";
import type { SiteConfig } from "@/lib/wallet/site";

/** A browser's storage that ends with the test. */
export class MemoryStorage implements Storage {
  #items = new Map<string, string>();
  get length() {
    return this.#items.size;
  }
  clear = () => this.#items.clear();
  getItem = (key: string) => this.#items.get(key) ?? null;
  key = (index: number) => [...this.#items.keys()][index] ?? null;
  removeItem = (key: string) => void this.#items.delete(key);
  setItem = (key: string, value: string) => void this.#items.set(key, value);
}

export const LOCALNET: SiteConfig = {
  cluster: "localnet",
  chain: "solana:localnet",
  genesis_hash: "4Qzd6iAVZJsbdcgbDcBnCDFAYrVvsXJJNTKmkaFVcM1V",
};

/** A transaction on the wire that asks for this key's signature: a transfer of nothing to itself. */
export function unsigned(key: Uint8Array, { isVersioned = false } = {}): Bytes {
  const keys = [key, new Uint8Array(32)];
  const blockhash = new Uint8Array(32).fill(7);
  const transfer = [1, 2, 0, 0, 12, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([
    1,
    ...new Uint8Array(64),
    ...(isVersioned ? [0x80] : []),
    ...[1, 0, 1],
    keys.length,
    ...keys.flatMap((each) => [...each]),
    ...blockhash,
    1,
    ...transfer,
    ...(isVersioned ? [0] : []),
  ]);
}
