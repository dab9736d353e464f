import { memo } from "react";
import { avatarOf } from "@/lib/avatar";

/** A token's picture, made from its mint. The name beside it says who it is. */
export const Avatar = memo(function Avatar({ mint, size = 36 }: { mint: string; size?: number }) {
  const { background, colour, cells } = avatarOf(mint);
  return (
    <svg
      viewBox="0 0 7 7"
      width={size}
      height={size}
      className="shrink-0 rounded-[28%]"
      style={{ background }}
      shapeRendering="crispEdges"
      aria-hidden="true"
    >
      {cells.map(([x, y]) => (
        <rect key={`${x}${y}`} x={x + 1} y={y + 1} width="1.02" height="1.02" fill={colour} />
      ))}
    </svg>
  );
});
