import { Empty } from "@/components/Empty";
import { Title } from "@/components/Title";

export default function NotFound() {
  return (
    <>
      <Title name="No such page" />
      <Empty title="There is no such page" text="The address may be old or mistyped." />
    </>
  );
}
