"use client";

import { memo, useState } from "react";
import { avatarOf } from "@/lib/avatar";

/** A token's picture: its own where our server has one, else a pattern made from its mint. */
export const Avatar = memo(function Avatar({
  mint,
  image = null,
  size = 36,
}: {
  mint: string;
  image?: string | null;
  size?: number;
}) {
  const [broken, setBroken] = useState<string | null>(null);
  if (image && broken !== image)
    return (
      // biome-ignore lint/performance/noImgElement: a static export has no image server
      <img
        src={image}
        alt=""
        width={size}
        height={size}
        loading="lazy"
        decoding="async"
        onError={() => setBroken(image)}
        className="shrink-0 rounded-[28%] bg-raised object-cover"
        style={{ width: size, height: size }}
      />
    );
  if (!mint)
    return <span className="shrink-0 rounded-[28%] bg-raised" style={{ width: size, height: size }} />;
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
