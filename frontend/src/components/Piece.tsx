import { type ReactNode, Suspense } from "react";
import { isInPieces, turnOf } from "@/lib/hydration";

/** Comes to life in a task of its own; it must have one element at its root. */
export function Piece({ name, children }: { name: string; children: ReactNode }) {
  // Not in the HTML: React would put what is in a Suspense at its end, to be moved to its place by a script.
  if (!isInPieces()) return children;
  return (
    <Suspense fallback={null}>
      <Waiting name={name}>{children}</Waiting>
    </Suspense>
  );
}

function Waiting({ name, children }: { name: string; children: ReactNode }) {
  const turn = turnOf(name);
  if (turn) throw turn;
  return children;
}
