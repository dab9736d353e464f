import Link from "next/link";
import type { ReactNode } from "react";

/** Nothing to show, why, and the way on. */
export function Empty({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-md flex-col items-center gap-3 py-24 text-center">
      <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
      <p className="text-muted">{text}</p>
      {children ?? (
        <Link
          href="/"
          className="mt-2 rounded-lg bg-accent px-4 py-2 font-medium text-[#1a1206] hover:brightness-105"
        >
          All tokens
        </Link>
      )}
    </div>
  );
}
