import { Empty } from "@/components/Empty";

export default function NotFound() {
  return <Empty title="There is no such page" text="The address may be old or mistyped." />;
}
