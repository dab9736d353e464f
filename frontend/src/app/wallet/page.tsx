import type { Metadata } from "next";
import { Suspense } from "react";
import { WalletPage } from "@/components/WalletPage";

export const metadata: Metadata = { title: "Wallet" };

export default function Wallet() {
  return (
    <Suspense fallback={<h1 className="sr-only">Wallet</h1>}>
      <WalletPage />
    </Suspense>
  );
}
