import { Title } from "@/components/Title";
import { TradePage } from "@/components/TradePage";

export default function Trade() {
  return (
    <>
      <Title name="Trade" />
      <TradePage />
    </>
  );
}
