import type { Metadata } from "next";
import { StatusPage } from "@/components/StatusPage";

export const metadata: Metadata = { title: "Status" };

export default function Status() {
  return <StatusPage />;
}
