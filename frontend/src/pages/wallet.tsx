import { Title } from "@/components/Title";
import { WalletPage } from "@/components/WalletPage";

export default function Wallet() {
  return (
    <>
      <Title name="Wallet" />
      <WalletPage />
    </>
  );
}
