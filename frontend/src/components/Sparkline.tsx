/** Bars of counts, the newest at the right. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(...values, 4);
  return (
    <svg
      viewBox={`0 0 ${values.length * 4} 28`}
      className="h-8 w-full"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {values.map((value, index) => {
        const height = value ? Math.max(2, (value / most) * 28) : 1;
        return (
          <rect
            // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place
            key={index}
            x={index * 4}
            y={28 - height}
            width="2.6"
            height={height}
            rx="0.8"
            fill={value ? "var(--accent)" : "var(--line)"}
          />
        );
      })}
    </svg>
  );
}
