"use client";

import { useEffect, useRef, useState } from "react";
import { type Bar, connected } from "@/lib/candles";
import { ChartDrawing } from "@/lib/drawing";
import type { Mark } from "@/lib/marks";

/**
 * Candles, volume, marks, and the figures of the bar under the pointer. `intervalS` decides how the axis is
 * written; another one, or another `view` (what the prices are), starts the drawing anew.
 */
export default function PriceChart({
  bars,
  marks,
  intervalS,
  view,
  label,
}: {
  bars: readonly Bar[];
  marks: readonly Mark[];
  intervalS: number;
  view: string;
  label: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLParagraphElement>(null);
  const [drawing, setDrawing] = useState<ChartDrawing | null>(null);

  useEffect(() => {
    let isWanted = true;
    let made: ChartDrawing | null = null;
    void ChartDrawing.made(place.current as HTMLElement, legend.current as HTMLElement, () => isWanted).then(
      (drawing) => {
        made = drawing;
        setDrawing(drawing);
      },
    );
    return () => {
      isWanted = false;
      made?.remove();
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another view begins anew
  useEffect(() => drawing?.begin(intervalS), [drawing, intervalS, view]);

  useEffect(() => drawing?.draw(connected(bars), marks), [drawing, bars, marks]);

  return (
    <figure aria-label={label} className="relative size-full">
      <div ref={place} className="size-full" />
      <p
        ref={legend}
        className="pointer-events-none absolute left-3 right-[78px] top-1 z-10 flex flex-wrap gap-x-3 text-xs text-muted max-sm:gap-x-2 max-sm:text-[11px]"
      />
    </figure>
  );
}
