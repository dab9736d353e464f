/** What can go wrong between a page, a wallet and the API, in words for people. */

export type WalletErrorCode =
  /** The user said no. */
  | "rejected"
  /** This wallet cannot do that. */
  | "no_feature"
  /** It speaks for another account than the one that is connected. */
  | "wrong_account"
  /** The API said no; the message is its own. */
  | "refused"
  /** The API does not answer. */
  | "network"
  /** The page is not served from https or this machine: browsers give it no keys. */
  | "insecure"
  /** The wallet failed. */
  | "failed";

export class WalletError extends Error {
  constructor(
    readonly code: WalletErrorCode,
    message: string,
    /** Of a refusal: the API's code, such as `token_expired`. */
    readonly reason?: string,
  ) {
    super(message);
    this.name = "WalletError";
  }
}

const REFUSED_BY_USER = 4001; // EIP-1193's number, which Solana's wallets use too
const NO = /reject|denied|declin|cancel/i;

/** What a wallet threw, as one of ours. */
export function asWalletError(thrown: unknown): WalletError {
  if (thrown instanceof WalletError) return thrown;
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === "string" && message ? message : String(thrown);
  if (code === REFUSED_BY_USER || NO.test(text)) {
    return new WalletError("rejected", "The request was declined in the wallet.");
  }
  return new WalletError("failed", text);
}
