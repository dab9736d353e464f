/** Wallets by the Wallet Standard: which of them can be used here, and asking them for things. */

import type {
  SolanaSignInFeature,
  SolanaSignMessageFeature,
  SolanaSignTransactionFeature,
} from "@solana/wallet-standard-features";
import type { IdentifierString, Wallet, WalletAccount } from "@wallet-standard/base";
import type {
  StandardConnectFeature,
  StandardDisconnectFeature,
  StandardEventsFeature,
} from "@wallet-standard/features";
import { fromBase64, toBase64 } from "./bytes";
import { asWalletError, WalletError } from "./errors";
import type { Challenge, Signed } from "./session";
import type { SiteConfig } from "./site";

type Features = StandardConnectFeature &
  SolanaSignTransactionFeature &
  Partial<StandardDisconnectFeature> &
  Partial<StandardEventsFeature> &
  Partial<SolanaSignInFeature> &
  Partial<SolanaSignMessageFeature>;

/** A wallet that can sign in and sign transactions. */
export type UsableWallet = Wallet & { readonly features: Features };

/** A wallet to choose, as it is shown. */
export interface WalletOption {
  readonly id: string;
  readonly name: string;
  /** A data URI. */
  readonly icon: string;
  /** The localnet's own wallet, whose key lies in this browser. */
  readonly isBurner: boolean;
  /** Whether it knows this chain; on a localnet most do not, and may warn of what they sign. */
  readonly knowsChain: boolean;
}

/** Feature by which the burner is told from a wallet that only has its name. */
export const BURNER_FEATURE = "curvefeed:burner";

const NEEDED = ["standard:connect", "solana:signTransaction"];
const SIGN_IN = ["solana:signIn", "solana:signMessage"];

/** What a wallet must have to be offered on this site. */
export function isUsable(wallet: Wallet, site: SiteConfig): wallet is UsableWallet {
  const has = (name: string) => name in wallet.features;
  const isSolana = wallet.chains.some((chain) => chain.startsWith("solana:"));
  const isForHere = site.cluster === "localnet" ? isSolana : wallet.chains.includes(site.chain);
  return isForHere && NEEDED.every(has) && SIGN_IN.some(has);
}

export function optionOf(wallet: Wallet, site: SiteConfig): WalletOption {
  const { name, icon } = wallet;
  const isBurner = BURNER_FEATURE in wallet.features;
  return { id: name, name, icon, isBurner, knowsChain: wallet.chains.includes(site.chain) };
}

/** The account it lets us use; null if it lets us use none. `isSilent`: without asking the user anything. */
export async function connected(wallet: UsableWallet, isSilent: boolean): Promise<WalletAccount | null> {
  try {
    const input = isSilent ? { silent: true } : undefined;
    const { accounts } = await wallet.features["standard:connect"].connect(input);
    return usableAccount(accounts.length ? accounts : wallet.accounts);
  } catch (error) {
    if (isSilent) return null;
    throw asWalletError(error);
  }
}

/** The first account that can sign transactions. */
export function usableAccount(accounts: readonly WalletAccount[]): WalletAccount | null {
  return accounts.find(({ features }) => features.includes("solana:signTransaction")) ?? null;
}

/** Let the wallet sign in: by its own `solana:signIn`, which shows the user what it is about, else as a text. */
export async function signedChallenge(
  wallet: UsableWallet,
  account: WalletAccount,
  challenge: Challenge,
): Promise<Signed> {
  const { "solana:signIn": signIn, "solana:signMessage": signMessage } = wallet.features;
  try {
    if (signIn) {
      const [output] = await signIn.signIn(challenge.input);
      if (output?.account.address !== account.address) throw anotherAccount();
      return packed(output.signedMessage, output.signature);
    }
    if (!signMessage || challenge.text === null) {
      throw new WalletError("no_feature", `${wallet.name} cannot sign in.`);
    }
    const message = new TextEncoder().encode(challenge.text);
    const [output] = await signMessage.signMessage({ account, message });
    if (!output) throw new WalletError("failed", `${wallet.name} signed nothing.`);
    return packed(output.signedMessage, output.signature);
  } catch (error) {
    throw asWalletError(error);
  }
}

/** A transaction in base64, signed by the wallet, which may have changed it. It is not sent. */
export async function signedTransaction(
  wallet: UsableWallet,
  account: WalletAccount,
  transaction: string,
  chain: IdentifierString,
): Promise<string> {
  const knowsChain = account.chains.includes(chain);
  const input = { account, transaction: fromBase64(transaction), ...(knowsChain ? { chain } : {}) };
  try {
    const [output] = await wallet.features["solana:signTransaction"].signTransaction(input);
    if (!output) throw new WalletError("failed", `${wallet.name} signed nothing.`);
    return toBase64(output.signedTransaction);
  } catch (error) {
    throw asWalletError(error);
  }
}

function packed(message: Uint8Array, signature: Uint8Array): Signed {
  return { signed_message: toBase64(message), signature: toBase64(signature) };
}

function anotherAccount(): WalletError {
  return new WalletError("wrong_account", "The wallet signed with another account than the connected one.");
}
