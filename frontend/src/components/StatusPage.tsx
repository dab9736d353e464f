"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { compact, count, MISSING } from "@/lib/format";
import { type Completeness, fetchCompleteness, fetchHub, PROGRAMS } from "@/lib/status";
import { useConnection, useLatest, useRoom } from "@/lib/websocket";
import { Card, Line } from "./Card";
import { TransactionLink } from "./links";

const AGAIN_MS = 2_000;
/** Nobody has looked at the node for so long: what was complete then may not be now. */
const STALE_S = 10;

/** /status: what is verified and what is missing, how late everything is, and who is connected. */
export function StatusPage() {
  useRoom("global");
  const finality = useLatest("finality");
  const completeness = useCompleteness();
  const hub = useQuery({
    queryKey: ["hub"],
    queryFn: ({ signal }) => fetchHub(signal),
    refetchInterval: AGAIN_MS,
    retry: 1,
  });
  const programs = completeness.data ?? [];
  return (
    <div className="flex flex-col gap-4">
      <h1 className="text-xl font-semibold tracking-tight">Status</h1>
      <Verdict programs={programs} error={completeness.error} isPending={completeness.isPending} />
      <div className="grid grid-cols-1 items-stretch gap-4 md:grid-cols-2 xl:grid-cols-4">
        {programs.map((one) => (
          <ProgramCard key={one.program} program={one} />
        ))}
        <Card title="Chain">
          <dl className="flex flex-col gap-2">
            <Line name="Confirmed slot">{slot(finality?.confirmed_slot)}</Line>
            <Line name="Finalized slot">{slot(finality?.finalized_slot)}</Line>
            <Line name="A fork can still undo">
              {finality ? `${finality.confirmed_slot - finality.finalized_slot} slots` : MISSING}
            </Line>
          </dl>
        </Card>
        <HubCard hub={hub.data} error={hub.error} />
        <ConnectionCard />
      </div>
      <Gaps programs={programs} />
    </div>
  );
}

/** All launchpads once, then again and again those that are indexed here. */
function useCompleteness() {
  const [indexed, setIndexed] = useState(PROGRAMS);
  const answer = useQuery({
    queryKey: ["completeness", indexed],
    queryFn: ({ signal }) => fetchCompleteness(indexed, signal),
    placeholderData: keepPreviousData,
    refetchInterval: AGAIN_MS,
    retry: 1,
  });
  const found = answer.data?.map(({ program }) => program) ?? [];
  if (found.length > 0 && found.length < indexed.length) setIndexed(found);
  return answer;
}

function slot(value: number | null | undefined): string {
  return value == null ? MISSING : count(value);
}

function Verdict(props: { programs: readonly Completeness[]; error: Error | null; isPending: boolean }) {
  const { programs, error, isPending } = props;
  const isStale = programs.some(({ age_s }) => age_s > STALE_S);
  const isComplete = programs.length > 0 && programs.every(({ complete }) => complete) && !isStale;
  const [look, words] = error
    ? ["bg-sell-soft text-sell", `The server does not answer: ${error.message}`]
    : isPending
      ? ["bg-raised text-muted", "Asking…"]
      : programs.length === 0
        ? ["bg-accent-soft text-accent-strong", "Nothing is verified yet: the indexer has not begun."]
        : isStale
          ? [
              "bg-accent-soft text-accent-strong",
              "The indexer is silent: nobody has looked at the node lately.",
            ]
          : isComplete
            ? [
                "bg-buy-soft text-buy",
                "Complete: every slot up to the node's newest is verified, and nothing is missing.",
              ]
            : ["bg-accent-soft text-accent-strong", "Catching up: the newest slots are not verified yet."];
  return (
    <p role="status" data-complete={isComplete} className={`rounded-xl px-4 py-3 font-medium ${look}`}>
      {words}
    </p>
  );
}

function ProgramCard({ program }: { program: Completeness }) {
  const { first_slot, frontier_slot, tip_slot, finalized_slot, age_s, ranges, gaps } = program;
  const span = Math.max(1, tip_slot - first_slot);
  const share = Math.min(100, (100 * Math.max(0, frontier_slot - first_slot)) / span);
  const signatures = ranges.reduce((sum, range) => sum + range.signatures, 0);
  const open = gaps.filter(({ closed_at }) => closed_at === null).length;
  return (
    <Card
      title={`Indexer: ${program.program}`}
      aside={<span className="label">{age_s.toFixed(1)} s ago</span>}
    >
      <div
        role="progressbar"
        aria-label={`Verified slots of ${program.program}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share)}
        className="h-2.5 overflow-hidden rounded-full bg-raised"
      >
        <div className="h-full rounded-full bg-buy" style={{ transform: `translateX(${share - 100}%)` }} />
      </div>
      <dl className="mt-4 flex flex-col gap-2">
        <Line name="Verified from">{slot(first_slot)}</Line>
        <Line name="Verified up to">{slot(frontier_slot)}</Line>
        <Line name="The node's newest">{slot(tip_slot)}</Line>
        <Line name="Lag">{`${Math.max(0, tip_slot - frontier_slot)} slots`}</Line>
        <Line name="Finalized">{slot(finalized_slot)}</Line>
        <Line name="Listed transactions">{compact(signatures)}</Line>
        <Line name="Open holes">
          <span className={open ? "text-sell" : ""}>{open}</span>
        </Line>
      </dl>
    </Card>
  );
}

function HubCard({
  hub,
  error,
}: {
  hub: Awaited<ReturnType<typeof fetchHub>> | undefined;
  error: Error | null;
}) {
  const value = (text: string | undefined): ReactNode => text ?? (error ? "no answer" : MISSING);
  return (
    <Card title="Hub" aside={<span className="label font-mono">{hub?.server}</span>}>
      <dl className="flex flex-col gap-2">
        <Line name="Connections">{value(hub && count(hub.connections))}</Line>
        <Line name="Rooms">{value(hub && count(hub.rooms))}</Line>
        <Line name="Behind the feed">{value(hub && `${hub.lag_seconds.toFixed(2)} s`)}</Line>
        <Line name="Position in the feed">{value(hub && count(hub.seq))}</Line>
        <Line name="Waiting for slow clients">{value(hub && `${compact(hub.queued_bytes)} B`)}</Line>
        <Line name="Frames sent">
          {value(hub && compact(Object.values(hub.frames).reduce((sum, count) => sum + count, 0)))}
        </Line>
      </dl>
    </Card>
  );
}

/** How this very page is connected. */
function ConnectionCard() {
  const feed = useConnection();
  return (
    <Card title="This page">
      <dl className="flex flex-col gap-2">
        <Line name="Connection">{feed.status}</Line>
        <Line name="Attempts">{feed.attempt}</Line>
        <Line name="Instance">{feed.welcome?.server ?? MISSING}</Line>
        <Line name="Cluster">{feed.welcome?.cluster ?? MISSING}</Line>
        {Object.entries(feed.rooms).map(([room, status]) => (
          <Line key={room} name={room}>
            {status}
          </Line>
        ))}
      </dl>
    </Card>
  );
}

function Gaps({ programs }: { programs: readonly Completeness[] }) {
  const gaps = programs.flatMap(({ program, gaps }) => gaps.map((gap) => ({ ...gap, program }))).slice(0, 50);
  return (
    <section aria-labelledby="gaps" className="card overflow-hidden">
      <h2 id="gaps" className="flex h-12 items-center px-4 font-semibold">
        Holes
      </h2>
      {gaps.length === 0 ? (
        <p className="border-t border-line px-4 py-10 text-center text-muted">
          No transaction was ever listed and not delivered.
        </p>
      ) : (
        <div className="overflow-x-auto border-t border-line">
          <table className="w-full border-collapse text-left [&_td]:h-9 [&_td]:px-4 [&_th]:h-9 [&_th]:px-4 [&_th]:text-xs [&_th]:font-normal [&_th]:text-faint">
            <caption className="sr-only">
              Transactions that the node listed and did not deliver at once
            </caption>
            <thead>
              <tr>
                <th scope="col">Program</th>
                <th scope="col">Slot</th>
                <th scope="col">Reason</th>
                <th scope="col">State</th>
                <th scope="col">Transaction</th>
              </tr>
            </thead>
            <tbody>
              {gaps.map((gap) => (
                <tr key={gap.signature} className="border-t border-line/50">
                  <td>{gap.program}</td>
                  <td>{slot(gap.slot)}</td>
                  <td>{gap.reason}</td>
                  <td className={gap.closed_at ? "text-muted" : "text-sell"}>
                    {gap.closed_at ? "closed" : "open"}
                  </td>
                  <td>
                    <TransactionLink signature={gap.signature}>
                      <span className="font-mono text-[13px]">{gap.signature.slice(0, 8)}…</span>
                    </TransactionLink>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
