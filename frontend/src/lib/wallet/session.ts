/**
 * Sign-In With Solana against our API (docs/auth.md): a short-lived access token in memory, the refresh token in a
 * cookie that no script sees, and tickets for the WebSocket.
 *
 * Tabs of one browser share the session: a refresh token is good once, so only one of them refreshes at a time,
 * and each tells the others what it got.
 */

import { asWalletError, WalletError } from "./errors";

/** Whom this browser is signed in as, until when (unix seconds); it renews itself before. */
export interface Session {
  readonly wallet: string;
  readonly expiresAt: number;
}

/** What `/auth/nonce` answers: for `solana:signIn` and for `solana:signMessage`. */
export interface Challenge {
  input: Record<string, string>;
  text: string | null;
}

/** What a wallet signed, in base64. */
export interface Signed {
  signed_message: string;
  signature: string;
}

interface Answer {
  wallet: string;
  access_token: string;
  expires_at: number;
}

type News = { type: "session"; answer: Answer } | { type: "ended" };

export interface SessionOptions {
  /** Origin of the API; empty: the page's own. */
  api: string;
  fetch?: typeof fetch;
  storage?: Storage;
  /** Shared by the tabs of one browser. */
  channel?: BroadcastChannel;
}

const FLAG = "curvefeed.session";
const CHANNEL = "curvefeed.session";
const LOCK = "curvefeed.refresh";
/** So long before its end a token is renewed: earlier than the hub asks for another one (60 s). */
const SPARE_S = 90;

export class Sessions {
  #options: SessionOptions;
  #answer: Answer | null = null;
  #channel: BroadcastChannel | undefined;
  #watchers = new Set<() => void>();
  #shown: Session | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    const isShared = "BroadcastChannel" in globalThis;
    this.#channel = options.channel ?? (isShared ? new BroadcastChannel(CHANNEL) : undefined);
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<News>) =>
      this.#take(data.type === "session" ? data.answer : null),
    );
  }

  get session(): Session | null {
    return this.#shown;
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Let the wallet sign what the API asks, and begin a session. */
  async signIn(address: string, sign: (challenge: Challenge) => Promise<Signed>): Promise<void> {
    const challenge = await this.#post<Challenge>("auth/nonce", { address });
    const signed = await sign(challenge);
    this.#keep(await this.#post<Answer>("auth/verify", signed));
  }

  /** Go on with the session of an earlier visit, if there was one of this wallet. */
  async resume(wallet: string): Promise<void> {
    if (this.#answer?.wallet === wallet || this.#storage?.getItem(FLAG) !== wallet) return;
    await this.#refresh();
    if (this.#answer && this.#answer.wallet !== wallet) await this.signOut();
  }

  /** End the session here and on every open WebSocket. Ended it is in any case: the API may be out of reach. */
  async signOut(): Promise<void> {
    const bearer = this.#answer?.access_token;
    this.#end();
    await this.#send("auth/logout", undefined, bearer).catch(() => null);
  }

  /** A token that is good for a while; null when nobody is signed in. */
  async accessToken(): Promise<string | null> {
    if (this.#answer && this.#answer.expires_at - SPARE_S <= Date.now() / 1000) await this.#refresh();
    return this.#answer?.access_token ?? null;
  }

  /** What the WebSocket takes instead of the token: good once, within 30 s. Null: anonymous. */
  ticket = async (): Promise<string | null> => {
    const response = await this.fetch("websocket/ticket", { method: "POST" });
    if (!response) return null;
    if (!response.ok) throw await refusal(response);
    return (await response.json()).ticket;
  };

  /** Call the API as the signed-in wallet; null when nobody is. A token that has just been refused is renewed once. */
  fetch = async (path: string, init: RequestInit = {}): Promise<Response | null> => {
    for (const isLast of [false, true]) {
      const token = await this.accessToken();
      if (!token) return null;
      const headers = { ...(init.headers as Record<string, string>), Authorization: `Bearer ${token}` };
      const response = await this.#call(path, { ...init, headers });
      if (response.status !== 401 || isLast) return response;
      await this.#refresh(token);
    }
    return null;
  };

  /** Forget what other tabs say. */
  close(): void {
    this.#channel?.close();
  }

  // --- inside

  get #storage(): Storage | undefined {
    return this.#options.storage ?? globalThis.localStorage;
  }

  /** One tab at a time; `refused`: the token that is no good any more, if another tab has not replaced it already. */
  async #refresh(refused = this.#answer?.access_token): Promise<void> {
    const locks = globalThis.navigator?.locks;
    const renew = async () => {
      if (this.#answer && this.#answer.access_token !== refused) return;
      try {
        this.#keep(await this.#post<Answer>("auth/refresh"));
      } catch (error) {
        if (asWalletError(error).code !== "refused") throw error;
        this.#end();
      }
    };
    await (locks ? locks.request(LOCK, renew) : renew());
  }

  #keep(answer: Answer): void {
    this.#storage?.setItem(FLAG, answer.wallet);
    this.#take(answer);
    this.#channel?.postMessage({ type: "session", answer } satisfies News);
  }

  #end(): void {
    this.#storage?.removeItem(FLAG);
    this.#take(null);
    this.#channel?.postMessage({ type: "ended" } satisfies News);
  }

  #take(answer: Answer | null): void {
    this.#answer = answer;
    this.#shown = answer && { wallet: answer.wallet, expiresAt: answer.expires_at };
    for (const watcher of [...this.#watchers]) watcher();
  }

  async #post<Body>(path: string, body?: object): Promise<Body> {
    const response = await this.#send(path, body);
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  #send(path: string, body?: object, bearer?: string): Promise<Response> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    return this.#call(path, { method: "POST", headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  }

  async #call(path: string, init: RequestInit): Promise<Response> {
    const { api, fetch = globalThis.fetch } = this.#options;
    try {
      return await fetch(`${api}/api/v1/${path}`, { ...init, credentials: "include" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new WalletError("network", "The API does not answer.");
    }
  }
}

/** The API's own words. */
async function refusal(response: Response): Promise<WalletError> {
  const problem = await response.json().catch(() => ({}));
  const code = response.status >= 500 ? "network" : "refused";
  return new WalletError(code, problem.detail ?? `The API answered ${response.status}.`, problem.code);
}
