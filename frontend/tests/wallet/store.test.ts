import type { Wallet } from "@wallet-standard/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BURNER_NAME, makeBurner } from "@/lib/wallet/burner";
import { toBase64 } from "@/lib/wallet/bytes";
import { Sessions } from "@/lib/wallet/session";
import { WalletStore } from "@/lib/wallet/store";
import { LOCALNET, MemoryStorage, unsigned } from "./memory";

const PATIENCE_MS = 30_000;
vi.setConfig({ testTimeout: 60_000 });

/** What registers wallets in a page, for one test. */
class Registry {
  wallets: Wallet[] = [];
  #listeners = new Map<string, (...wallets: Wallet[]) => void>();
  get = () => this.wallets;
  on = (name: string, listener: (...wallets: Wallet[]) => void) => {
    this.#listeners.set(name, listener);
    return () => void this.#listeners.delete(name);
  };
  register = (...wallets: Wallet[]) => {
    this.wallets.push(...wallets);
    this.#listeners.get("register")?.(...wallets);
    return () => {};
  };
}

/** The network: an API that signs everybody in who has signed anything. */
function api(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const path = String(input).replace(/^.*\/api\/v1\//, "");
  calls.push(path);
  if (path === "config") return Promise.resolve(Response.json(site));
  if (path === "auth/nonce") {
    const { address } = JSON.parse(String(init?.body));
    wallet = address;
    return Promise.resolve(
      Response.json({ input: { address, domain: "page", nonce: "12345678" }, text: "sign me" }),
    );
  }
  if (path === "auth/verify" || path === "auth/refresh") {
    const answer = { wallet, access_token: `access${calls.length}`, expires_at };
    return Promise.resolve(isAway ? new Response("{}", { status: 401 }) : Response.json(answer));
  }
  if (path === "websocket/ticket") return Promise.resolve(Response.json({ ticket: `t:${bearer(init)}` }));
  return Promise.resolve(new Response(null, { status: 204 }));
}

const bearer = (init?: RequestInit) => new Headers(init?.headers).get("Authorization");

let calls: string[];
let site: object;
let wallet: string;
let isAway: boolean;
let expires_at: number;
let storage: MemoryStorage;
let registry: Registry;
let stores: WalletStore[];

beforeEach(() => {
  vi.stubGlobal("fetch", api);
  [calls, site, wallet, isAway, stores] = [[], LOCALNET, "", false, []];
  expires_at = Date.now() / 1000 + 900;
  storage = new MemoryStorage();
  registry = new Registry();
});

afterEach(() => {
  for (const store of stores) {
    store.stop();
    store.sessions.close();
  }
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A visit to the page. */
async function visit(
  options: Partial<ConstructorParameters<typeof WalletStore>[0]> = {},
): Promise<WalletStore> {
  const burner = async () => makeBurner({ site: LOCALNET, storage, airdrop: async () => {} });
  const sessions = new Sessions({ api: "", storage });
  const store = new WalletStore({ api: "", storage, wallets: registry, burner, sessions, ...options });
  stores.push(store);
  store.start();
  await vi.waitFor(() => expect(store.state.status).not.toBe("loading"), PATIENCE_MS);
  await vi.waitFor(() => expect(store.state.status).not.toBe("connecting"), PATIENCE_MS);
  return store;
}

async function signedIn(): Promise<WalletStore> {
  const store = await visit();
  await store.connect(BURNER_NAME);
  await store.signIn();
  return store;
}

test("a first visit offers the localnet's wallet and connects to none", async () => {
  const { state } = await visit();
  expect(state.wallets.map(({ name, isBurner }) => [name, isBurner])).toEqual([[BURNER_NAME, true]]);
  expect(state).toMatchObject({ status: "disconnected", account: null, site: LOCALNET });
});

test("on a live cluster there is no burner, and a wallet that does not know the chain is not offered", async () => {
  site = {
    cluster: "live",
    chain: "solana:mainnet",
    genesis_hash: "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
  };
  registry.wallets = [makeBurner({ site: LOCALNET, storage, airdrop: async () => {} })];
  expect((await visit()).state.wallets).toEqual([]);
});

test("connecting, signing in and a transaction; the session's ticket is what the feed takes", async () => {
  const store = await signedIn();
  const { account, session } = store.state;
  expect(session).toEqual({ wallet: account?.address, expiresAt: expires_at });
  expect(await store.sessions.ticket()).toMatch(/^t:Bearer access/);
  await expect(store.signTransaction(toBase64(unsigned(new Uint8Array(32))))).rejects.toMatchObject({
    code: "failed",
  });
  expect(store.state).toMatchObject({ isBusy: null, error: { code: "failed" } });
});

test("the next visit reconnects silently and goes on with the session", async () => {
  const before = (await signedIn()).state.account;
  registry = new Registry();
  const store = await visit();
  await vi.waitFor(() => expect(store.state.session?.wallet).toBe(before?.address), PATIENCE_MS);
  expect(store.state).toMatchObject({ status: "connected", account: before });
  expect(calls.filter((path) => path === "auth/verify")).toHaveLength(1);
});

test("a session that the API has ended is not shown, and not asked for again", async () => {
  await signedIn();
  isAway = true;
  registry = new Registry();
  const store = await visit();
  await vi.waitFor(() => expect(calls).toContain("auth/refresh"), PATIENCE_MS);
  await vi.waitFor(() => expect(storage.getItem("curvefeed.session")).toBeNull(), PATIENCE_MS);
  expect(store.state).toMatchObject({ status: "connected", session: null });
});

test("a token about to expire is renewed before it is used", async () => {
  expires_at = Date.now() / 1000 + 5;
  const store = await signedIn();
  expires_at += 900;
  await Promise.all([store.sessions.accessToken(), store.sessions.accessToken()]);
  expect(calls.filter((path) => path === "auth/refresh")).toHaveLength(1);
});

test("disconnecting signs out and forgets", async () => {
  const store = await signedIn();
  await store.disconnect();
  expect(calls).toContain("auth/logout");
  expect(store.state).toMatchObject({ status: "disconnected", account: null, session: null });
  registry = new Registry();
  expect((await visit()).state.status).toBe("disconnected");
});

test("another tab's sign-in and sign-out are this one's", async () => {
  const here = await signedIn();
  const there = await visit();
  await there.sessions.resume(here.state.account?.address ?? "");
  await here.signOut();
  await vi.waitFor(() => expect(there.sessions.session).toBeNull(), PATIENCE_MS);
});

test("what the user declines is told as that, and leaves the wallet disconnected", async () => {
  const burner = makeBurner({ site: LOCALNET, storage, airdrop: async () => {} });
  const connect = () => Promise.reject(Object.assign(new Error("no"), { code: 4001 }));
  const features = { ...burner.features, "standard:connect": { version: "1.0.0", connect } };
  registry.wallets = [{ ...burner, name: "Shy", accounts: [], features }];
  const store = await visit();
  await expect(store.connect("Shy")).rejects.toMatchObject({ code: "rejected" });
  expect(store.state).toMatchObject({ status: "disconnected", isBusy: null, error: { code: "rejected" } });
  store.clearError();
  expect(store.state.error).toBeNull();
});

test("another account chosen in the wallet is the account, and the first one's session ends", async () => {
  const burner = makeBurner({ site: LOCALNET, storage, airdrop: async () => {} });
  let tell: (change: object) => void = () => {};
  const on = (_: string, listener: (change: object) => void) => {
    tell = listener;
    return () => {};
  };
  const features = { ...burner.features, "standard:events": { version: "1.0.0", on } };
  registry.wallets = [{ ...burner, name: "Two", accounts: [], features }];
  const store = await visit();
  await store.connect("Two");
  await store.signIn();
  const second = {
    address: "second",
    publicKey: new Uint8Array(32),
    chains: [],
    features: ["solana:signTransaction"],
  };
  tell({ accounts: [second] });
  await vi.waitFor(() => expect(store.state.session).toBeNull(), PATIENCE_MS);
  expect(store.state.account?.address).toBe("second");
  tell({ accounts: [] });
  await vi.waitFor(
    () => expect(store.state).toMatchObject({ status: "disconnected", account: null }),
    PATIENCE_MS,
  );
});

test("a remembered wallet that registers late is reconnected when it is there", async () => {
  const late = makeBurner({ site: LOCALNET, storage, airdrop: async () => {} });
  await signedIn(); // makes the key
  storage.setItem("curvefeed.wallet", "Late");
  registry = new Registry();
  const store = await visit();
  expect(store.state.status).toBe("disconnected");
  registry.register({ ...late, name: "Late", accounts: [] });
  await vi.waitFor(
    () => expect(store.state).toMatchObject({ status: "connected", wallet: { name: "Late" } }),
    PATIENCE_MS,
  );
});
