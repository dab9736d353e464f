/** What the API tells of a wallet. */

import { get } from "./api";
import { type Page, type TokenJson, tokenOf, tradeOfJson, type WireTrade } from "./history";
import type { Token } from "./tokens";
import type { Trade } from "./trades";

export async function fetchWalletTrades(
  wallet: string,
  limit: number,
  signal?: AbortSignal,
): Promise<Trade[]> {
  const { items } = await get<Page<WireTrade>>(`/wallets/${wallet}/trades?limit=${limit}`, signal);
  return items.map(tradeOfJson);
}

/** The tokens that a wallet created, newest first. */
export async function fetchCreated(wallet: string, signal?: AbortSignal): Promise<Token[]> {
  const { items } = await get<Page<TokenJson>>(`/wallets/${wallet}/tokens?limit=20`, signal);
  return items.map(tokenOf);
}
