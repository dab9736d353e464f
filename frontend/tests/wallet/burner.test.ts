import type { Wallet } from "@wallet-standard/base";
import { beforeEach, describe, expect, test } from "vitest";
import { makeBurner } from "@/lib/wallet/burner";
import { type Bytes, fromBase64, toBase58, toBase64 } from "@/lib/wallet/bytes";
import { connected, isUsable, optionOf, signedTransaction, type UsableWallet } from "@/lib/wallet/standard";
import { LOCALNET, MemoryStorage, unsigned } from "./memory";

let storage: MemoryStorage;
let asked: string[];

beforeEach(() => {
  storage = new MemoryStorage();
  asked = [];
});

function burner(site = LOCALNET): UsableWallet {
  const airdrop = async (address: string) => void asked.push(address);
  const wallet = makeBurner({ site, storage, airdrop });
  if (!isUsable(wallet, site)) throw new Error("not usable");
  return wallet;
}

async function account(wallet: UsableWallet) {
  const found = await connected(wallet, false);
  if (!found) throw new Error("no account");
  return found;
}

async function isSignedBy(key: Uint8Array, message: Bytes, signature: Bytes): Promise<boolean> {
  const publicKey = await crypto.subtle.importKey("raw", Uint8Array.from(key), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", publicKey, signature, message);
}

describe("the burner wallet", () => {
  test.each([
    ["a live cluster", { ...LOCALNET, cluster: "live" as const }],
    ["another chain's name", { ...LOCALNET, chain: "solana:mainnet" as const }],
    [
      "mainnet that calls itself a localnet",
      { ...LOCALNET, genesis_hash: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d" },
    ],
    ["a chain that nobody knows yet", { ...LOCALNET, genesis_hash: null }],
  ])("refuses %s", (_, site) => {
    expect(() => burner(site)).toThrow("localnet only");
  });

  test("is a wallet of the Wallet Standard that says what it is", () => {
    const wallet: Wallet = burner();
    expect(optionOf(wallet, LOCALNET)).toMatchObject({
      name: "Burner (localnet)",
      isBurner: true,
      knowsChain: true,
    });
    expect(wallet.icon).toMatch(/^data:image\/svg\+xml;base64,/);
  });

  test("keeps its key, and is asked for it silently only once there is one", async () => {
    expect(await connected(burner(), true)).toBeNull();
    const { address } = await account(burner());
    expect((await connected(burner(), true))?.address).toBe(address);
  });

  test("asks for coins once for each chain, and again where that failed", async () => {
    const { address } = await account(burner());
    await account(burner());
    await account(burner({ ...LOCALNET, genesis_hash: "another" }));
    expect(asked).toEqual([address, address]);
    storage.clear();
    const airdrop = () => Promise.reject(new Error("dry"));
    const dry = makeBurner({ site: LOCALNET, storage, airdrop }) as UsableWallet;
    const other = await account(dry);
    await account(burner());
    expect(asked.at(-1)).toBe(other.address);
  });

  test.each([false, true])("signs a transaction in its place (versioned: %s)", async (isVersioned) => {
    const wallet = burner();
    const ours = await account(wallet);
    const transaction = unsigned(Uint8Array.from(ours.publicKey), { isVersioned });
    const signed = fromBase64(await signedTransaction(wallet, ours, toBase64(transaction), LOCALNET.chain));
    const message = transaction.slice(65);
    expect(signed.slice(65)).toEqual(message);
    expect(await isSignedBy(Uint8Array.from(ours.publicKey), message, signed.slice(1, 65))).toBe(true);
  });

  test("signs no transaction that asks for somebody else, and nothing that is none", async () => {
    const wallet = burner();
    const ours = await account(wallet);
    const foreign = toBase64(unsigned(new Uint8Array(32).fill(3)));
    await expect(signedTransaction(wallet, ours, foreign, LOCALNET.chain)).rejects.toThrow("does not ask");
    await expect(signedTransaction(wallet, ours, "AAAA", LOCALNET.chain)).rejects.toThrow(
      "not a transaction",
    );
  });

  test("signs nothing once it is disconnected", async () => {
    const wallet = burner();
    const ours = await account(wallet);
    await wallet.features["standard:disconnect"]?.disconnect();
    expect(wallet.accounts).toEqual([]);
    const transaction = toBase64(unsigned(Uint8Array.from(ours.publicKey)));
    await expect(signedTransaction(wallet, ours, transaction, LOCALNET.chain)).rejects.toThrow(
      "not connected",
    );
  });
});

test("base58 is that of everybody else", () => {
  expect(toBase58(new Uint8Array(32))).toBe("1".repeat(32));
  expect(toBase58(new TextEncoder().encode("Hello World!"))).toBe("2NEpo7TZRRrLZSi2U");
  expect(toBase58(Uint8Array.from([0, 0, 40, 127, 180, 205]))).toBe("11233QC4");
});
