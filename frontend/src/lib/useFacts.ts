"use client";

/** What the API is asked for beside the feed, shared by all who show it. */

import { useQuery } from "@tanstack/react-query";
import { get, retry } from "./api";
import { fetchHolders } from "./stats";

const HOLDERS_AGAIN_MS = 10_000;
const RATE_AGAIN_MS = 15_000;
const METADATA_AGAIN_MS = 30_000;

export function useHolders(mint: string, isKnown: boolean) {
  return useQuery({
    queryKey: ["holders", mint],
    queryFn: ({ signal }) => fetchHolders(mint, signal),
    enabled: isKnown,
    refetchInterval: HOLDERS_AGAIN_MS,
    retry,
  });
}

/** api/routes/market.py: the prices of quote tokens, null where the last one is too old. */
interface QuotePrices {
  prices: { quote_mint: string; price: string | null; source: string; is_demo: boolean }[];
}

/** US dollars of one whole quote token now; null where the server does not know. */
export function useUsdRate(quoteMint: string | null): number | null {
  const { data } = useQuery({
    queryKey: ["quote prices"],
    queryFn: ({ signal }) => get<QuotePrices>("/market/quote-prices", signal),
    refetchInterval: RATE_AGAIN_MS,
    retry,
  });
  const price = data?.prices.find(({ quote_mint }) => quote_mint === quoteMint)?.price;
  return price ? Number(price) : null;
}

/** A token's own words, as fetched from where it says they are. */
export interface Metadata {
  description: string | null;
  website: string | null;
  twitter: string | null;
  telegram: string | null;
  has_image: boolean;
}

export function useMetadata(mint: string, isKnown: boolean): Metadata | null {
  const { data } = useQuery({
    queryKey: ["metadata", mint],
    queryFn: ({ signal }) => get<Metadata>(`/tokens/${mint}/metadata`, signal),
    enabled: isKnown,
    refetchInterval: METADATA_AGAIN_MS,
    retry,
  });
  return data ?? null;
}

/** Addresses come from strangers: only web pages become links. */
export function webLink(text: string | null): string | null {
  if (!text) return null;
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
