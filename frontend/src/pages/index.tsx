import { Market } from "@/components/Market";

export default function Home() {
  return <Market />;
}
