"use client";

import { useQuery } from "@tanstack/react-query";
import { retry } from "@/lib/api";
import { type Flag, fetchFlags } from "@/lib/stats";
import { Card } from "./Card";

const AGAIN_MS = 20_000;

/** In words; what is not named here is shown by its own name. */
const WORDS: Record<string, string> = {
  bundled: "Several wallets bought in the slot of the creation",
  creator_sold: "The creator has sold",
  concentrated: "Ten wallets hold much of it",
  mint_authority: "More of it can be made",
  freeze_authority: "Accounts can be frozen",
};

/** Facts that are worth a look before buying, each with what it rests on. Never a score. */
export function FlagsCard({ mint, isKnown }: { mint: string; isKnown: boolean }) {
  const { data, isPending } = useQuery({
    queryKey: ["flags", mint],
    queryFn: ({ signal }) => fetchFlags(mint, signal),
    enabled: isKnown,
    refetchInterval: AGAIN_MS,
    retry,
  });
  return (
    <Card title="Flags">
      {data && data.length > 0 ? (
        <ul className="flex flex-col gap-2">
          {data.map((flag) => (
            <Item key={flag.flag} flag={flag} />
          ))}
        </ul>
      ) : (
        <p className="text-[13px] text-muted">
          {data
            ? "Nothing to flag in what was seen so far."
            : isPending
              ? "Looking…"
              : "Not known: the server did not say."}
        </p>
      )}
    </Card>
  );
}

function Item({ flag }: { flag: Flag }) {
  const facts = Object.entries(flag.evidence);
  return (
    <li>
      <details className="group rounded-lg bg-raised px-3 py-2">
        <summary className="flex cursor-pointer list-none items-center gap-2 rounded">
          <span className="size-2 shrink-0 rounded-full bg-accent" aria-hidden="true" />
          {WORDS[flag.flag] ?? flag.flag.replaceAll("_", " ")}
        </summary>
        <dl className="mt-2 flex flex-col gap-1 text-[13px]">
          {facts.map(([name, value]) => (
            <div key={name} className="flex justify-between gap-4">
              <dt className="text-muted">{name.replaceAll("_", " ")}</dt>
              <dd className="min-w-0 truncate font-mono" title={textOf(value)}>
                {textOf(value)}
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
