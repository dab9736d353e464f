import { StatusPage } from "@/components/StatusPage";
import { Title } from "@/components/Title";

export default function Status() {
  return (
    <>
      <Title name="Status" />
      <StatusPage />
    </>
  );
}
