import { useRouter } from "next/router";
import { useSyncExternalStore } from "react";
import { isAlive, watchAlive } from "./hydration";

/** A parameter of this page's address; null in the static HTML and while it comes to life, "" where there is none. */
export function useParameter(name: string): string | null {
  const { isReady, query } = useRouter();
  const isKnown = useSyncExternalStore(watchAlive, isAlive, () => false);
  if (!isReady || !isKnown) return null;
  const value = query[name];
  return typeof value === "string" ? value : "";
}
