/**
 * The page's wallets against the real API: run by tests/integration/clients, which serves it and says where (API_URL),
 * and looks at the transaction that was signed (SIGNED).
 */

import { writeFileSync } from "node:fs";
import { getWallets } from "@wallet-standard/app";
import type { Wallet } from "@wallet-standard/base";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Feed } from "@/lib/feed";
import { BURNER_NAME, makeBurner } from "@/lib/wallet/burner";
import { toBase64 } from "@/lib/wallet/bytes";
import { Sessions } from "@/lib/wallet/session";
import { fetchSite } from "@/lib/wallet/site";
import type { UsableWallet } from "@/lib/wallet/standard";
import { WalletStore } from "@/lib/wallet/store";
import { MemoryStorage, unsigned } from "../wallet/memory";

const API = process.env.API_URL ?? "";
const PATIENCE = { timeout: 30_000, interval: 50 };
/** Programs send no Origin, browsers always do, and a ticket is bound to it: ours is a page of this API. */
const ORIGIN = API;

/** What a browser adds to a page's requests: its origin, and the cookies it keeps. */
function browserFetch(): typeof fetch {
  const cookies = new Map<string, string>();
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("Origin", ORIGIN);
    headers.set("Cookie", [...cookies].map((pair) => pair.join("=")).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
}

/** Node's WebSocket with a browser's Origin. */
class PageSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, { protocols, headers: { Origin: ORIGIN } } as unknown as string[]);
  }
}

let storage: MemoryStorage;
let request: typeof fetch;
let stores: WalletStore[];
let feed: Feed;

beforeEach(() => {
  storage = new MemoryStorage();
  request = browserFetch();
  stores = [];
  feed = new Feed({
    url: () => `${API.replace("http", "ws")}/api/v1/websocket/ws`,
    WebSocket: PageSocket as unknown as typeof WebSocket,
    onError: () => {},
  });
});

afterEach(() => {
  feed.close();
  for (const store of stores) {
    store.stop();
    store.sessions.close();
  }
});

async function visit(change: (burner: Wallet) => Wallet = (burner) => burner): Promise<WalletStore> {
  const airdrop = async () => {};
  const store = new WalletStore({
    api: API,
    storage,
    wallets: getWallets(),
    sessions: new Sessions({ api: API, storage, fetch: request }),
    burner: async (site) => change(makeBurner({ site, storage, airdrop })),
  });
  stores.push(store);
  store.start();
  await vi.waitFor(() => expect(store.state.status).toMatch(/^(dis)?connected$/), PATIENCE);
  return store;
}

function withoutSignIn(burner: Wallet): Wallet {
  const { "solana:signIn": _, ...features } = burner.features;
  return { ...burner, accounts: [], features };
}

describe.skipIf(!API)("against the real API", { timeout: 60_000 }, () => {
  test.each([
    ["solana:signIn", (burner: Wallet) => burner],
    ["solana:signMessage", withoutSignIn],
  ])("a wallet signs in by %s, and its own room opens until it signs out", async (_, change) => {
    const store = await visit(change);
    await store.connect(BURNER_NAME);
    const address = store.state.account?.address ?? "";
    feed.subscribe("global");
    feed.subscribeToUser(address);
    await vi.waitFor(
      () => expect(feed.state.rooms).toEqual({ global: "live", [`user_${address}`]: "denied" }),
      PATIENCE,
    );

    await store.signIn();
    expect(store.state.session?.wallet).toBe(address);
    feed.authenticate(store.sessions.ticket);
    await vi.waitFor(() => expect(feed.state.rooms[`user_${address}`]).toBe("live"), PATIENCE);

    await store.signOut();
    feed.authenticate(() => null);
    await vi.waitFor(
      () => expect(feed.state.rooms).toEqual({ global: "live", [`user_${address}`]: "denied" }),
      PATIENCE,
    );
    expect(store.state.session).toBeNull();
  });

  test("the session goes on over visits, its token renewed by the cookie", async () => {
    const first = await visit();
    await first.connect(BURNER_NAME);
    await first.signIn();
    first.stop();
    const next = await visit();
    await vi.waitFor(() => expect(next.state.session?.wallet).toBe(first.state.account?.address), PATIENCE);
    expect((await next.sessions.fetch("websocket/ticket", { method: "POST" }))?.status).toBe(200);
  });

  test("a signed transaction is one for everybody", async () => {
    const burner = makeBurner({
      site: await fetchSite(API),
      storage,
      airdrop: async () => {},
    }) as UsableWallet;
    const store = await visit();
    await store.connect(BURNER_NAME);
    await burner.features["standard:connect"].connect();
    const [account] = burner.accounts;
    expect(account?.address).toBe(store.state.account?.address);
    const transaction = unsigned(Uint8Array.from(account?.publicKey ?? []), { isVersioned: true });
    writeFileSync(process.env.SIGNED ?? "", await store.signTransaction(toBase64(transaction)));
  });
});
