import type { Metadata } from "next";
import { Suspense } from "react";
import { TradePage, TradeSkeleton } from "@/components/TradePage";

export const metadata: Metadata = { title: "Trade" };

export default function Trade() {
  return (
    <Suspense fallback={<TradeSkeleton />}>
      <TradePage />
    </Suspense>
  );
}
