/**
 * The wallets of this page and the one that is connected. Framework-free: React sees it through `useWallet`.
 *
 * Nothing happens before `start()`: not at import, not while rendering, not on a server.
 */

import { getWallets } from "@wallet-standard/app";
import type { Wallet, WalletAccount } from "@wallet-standard/base";
import { asWalletError, WalletError } from "./errors";
import { type Session, Sessions } from "./session";
import { fetchSite, isPlayground, type SiteConfig } from "./site";
import {
  connected,
  isUsable,
  optionOf,
  signedChallenge,
  signedTransaction,
  type UsableWallet,
  usableAccount,
  type WalletOption,
} from "./standard";

/** A new object after every change, never changed itself. */
export interface WalletState {
  /** loading: neither the chain nor the wallet of an earlier visit is known yet. */
  readonly status: "loading" | "disconnected" | "connecting" | "connected";
  readonly wallets: readonly WalletOption[];
  readonly wallet: WalletOption | null;
  readonly account: { readonly address: string } | null;
  /** Set once the wallet has signed in: its own room is open. */
  readonly session: Session | null;
  /** What the wallet is asking its user. */
  readonly isBusy: "connect" | "signIn" | "signTransaction" | null;
  readonly error: WalletError | null;
  readonly site: SiteConfig | null;
}

export interface WalletOptions {
  /** Origin of the API; empty: the page's own. */
  api: string;
  /** Makes the localnet's wallet; absent where the build has none. */
  burner?: (site: SiteConfig) => Promise<Wallet>;
  sessions?: Sessions;
  storage?: Storage;
  wallets?: Pick<ReturnType<typeof getWallets>, "get" | "on" | "register">;
}

export const NO_WALLET: WalletState = {
  status: "loading",
  wallets: [],
  wallet: null,
  account: null,
  session: null,
  isBusy: null,
  error: null,
  site: null,
};

const REMEMBERED = "curvefeed.wallet";
/** Extensions register late; a remembered one that does not come by then is not waited for. */
const PATIENCE_MS = 3_000;
const ASK_AGAIN_MS = 1_000;

export class WalletStore {
  readonly sessions: Sessions;
  #options: WalletOptions;
  #state: WalletState = NO_WALLET;
  #watchers = new Set<() => void>();
  #usable = new Map<string, UsableWallet>();
  #wallet: UsableWallet | null = null;
  #account: WalletAccount | null = null;
  #stops: (() => void)[] = [];
  #stopEvents: () => void = () => {};
  #isStarted = false;

  constructor(options: WalletOptions) {
    this.#options = options;
    this.sessions = options.sessions ?? new Sessions({ api: options.api });
    this.sessions.watch(() => this.#publish({ session: this.sessions.session }));
  }

  get state(): WalletState {
    return this.#state;
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Learn which chain this is, which wallets there are, and reconnect to that of an earlier visit. Once. */
  start = (): void => {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#start();
  };

  /** For tests: hear of no wallets any more. */
  stop = (): void => {
    for (const stop of this.#stops.splice(0)) stop();
    this.#stopEvents();
  };

  connect = (id: string): Promise<void> =>
    this.#asking("connect", async () => {
      const wallet = this.#usable.get(id);
      if (!wallet) throw new WalletError("no_feature", `${id} is not installed.`);
      this.#publish({ status: "connecting" });
      const account = await connected(wallet, false);
      if (!account) throw new WalletError("rejected", `${wallet.name} gave no account.`);
      this.#storage?.setItem(REMEMBERED, id);
      await this.#settle(wallet, account);
    });

  /** Forget the wallet, and sign out. */
  disconnect = async (): Promise<void> => {
    const wallet = this.#wallet;
    this.#storage?.removeItem(REMEMBERED);
    await this.#settle(null, null);
    await wallet?.features["standard:disconnect"]?.disconnect().catch(() => {});
  };

  signIn = (): Promise<void> =>
    this.#asking("signIn", async () => {
      const [wallet, account] = this.#connection();
      await this.sessions.signIn(account.address, (challenge) => signedChallenge(wallet, account, challenge));
    });

  signOut = (): Promise<void> => this.sessions.signOut();

  /** Base64 in and out. It is not sent. */
  signTransaction = (transaction: string): Promise<string> =>
    this.#asking("signTransaction", () => {
      const [wallet, account] = this.#connection();
      const { site } = this.#state;
      if (!site) throw new WalletError("network", "It is not known which chain this is.");
      return signedTransaction(wallet, account, transaction, site.chain);
    });

  clearError = (): void => this.#publish({ error: null });

  // --- inside

  get #storage(): Storage | undefined {
    return this.#options.storage ?? globalThis.localStorage;
  }

  async #start(): Promise<void> {
    const site = await this.#site();
    this.#publish({ site });
    const registry = this.#options.wallets ?? getWallets();
    this.#stops.push(registry.on("register", (...added) => this.#add(added)));
    this.#stops.push(registry.on("unregister", (...gone) => this.#remove(gone)));
    if (this.#options.burner && isPlayground(site)) {
      try {
        registry.register(await this.#options.burner(site));
      } catch (error) {
        this.#publish({ error: asWalletError(error) });
      }
    }
    this.#add(registry.get());
    if (!this.#storage?.getItem(REMEMBERED)) this.#publish({ status: "disconnected" });
    setTimeout(
      () => this.#state.status === "loading" && this.#publish({ status: "disconnected" }),
      PATIENCE_MS,
    );
  }

  /** The API may still be starting, or have indexed nothing yet: asked until it knows. */
  async #site(): Promise<SiteConfig> {
    for (;;) {
      const site = await fetchSite(this.#options.api).catch(() => null);
      if (site && (site.cluster !== "localnet" || site.genesis_hash)) return site;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  #add(wallets: readonly Wallet[]): void {
    const { site } = this.#state;
    if (!site) return;
    for (const wallet of wallets) if (isUsable(wallet, site)) this.#usable.set(wallet.name, wallet);
    this.#publish({ wallets: [...this.#usable.values()].map((wallet) => optionOf(wallet, site)) });
    void this.#reconnect();
  }

  #remove(wallets: readonly Wallet[]): void {
    const { site } = this.#state;
    for (const { name } of wallets) this.#usable.delete(name);
    if (site) this.#publish({ wallets: [...this.#usable.values()].map((wallet) => optionOf(wallet, site)) });
  }

  /** Silently, to the wallet of an earlier visit, as soon as that is there. */
  async #reconnect(): Promise<void> {
    const wallet = this.#usable.get(this.#storage?.getItem(REMEMBERED) ?? "");
    if (!wallet || this.#wallet || this.#state.status === "connecting") return;
    this.#publish({ status: "connecting" });
    await this.#settle(wallet, await connected(wallet, true));
  }

  /** This is the wallet and the account now; a session of another account ends, an earlier one of this goes on. */
  async #settle(wallet: UsableWallet | null, account: WalletAccount | null): Promise<void> {
    const { site, session } = this.#state;
    this.#stopEvents();
    this.#wallet = account && wallet;
    this.#account = account;
    this.#stopEvents =
      (account && wallet?.features["standard:events"]?.on("change", this.#changed)) || (() => {});
    this.#publish({
      status: account ? "connected" : "disconnected",
      wallet: account && wallet && site && optionOf(wallet, site),
      account: account && { address: account.address },
    });
    if (session && session.wallet !== account?.address) await this.sessions.signOut();
    // An API that is away now is asked again with the next visit, or by signing in.
    if (account) await this.sessions.resume(account.address).catch(() => {});
  }

  /** The user chose another account in the wallet, or locked it. */
  #changed = ({ accounts }: { accounts?: readonly WalletAccount[] }): void => {
    if (!accounts || !this.#wallet) return;
    const account =
      accounts.find(({ address }) => address === this.#account?.address) ?? usableAccount(accounts);
    if (account?.address !== this.#account?.address) void this.#settle(this.#wallet, account);
  };

  #connection(): [UsableWallet, WalletAccount] {
    if (!this.#wallet || !this.#account) throw new WalletError("failed", "No wallet is connected.");
    return [this.#wallet, this.#account];
  }

  /** Something the wallet may ask its user about: what goes wrong is shown, and thrown too. */
  async #asking<Result>(
    what: NonNullable<WalletState["isBusy"]>,
    ask: () => Promise<Result>,
  ): Promise<Result> {
    this.#publish({ isBusy: what, error: null });
    try {
      return await ask();
    } catch (thrown) {
      const error = asWalletError(thrown);
      this.#publish({ error });
      throw error;
    } finally {
      const status = this.#account ? "connected" : "disconnected";
      this.#publish({ isBusy: null, ...(this.#state.status === "connecting" ? { status } : {}) });
    }
  }

  #publish(change: Partial<WalletState>): void {
    this.#state = Object.freeze({ ...this.#state, ...change });
    for (const watcher of [...this.#watchers]) watcher();
  }
}
