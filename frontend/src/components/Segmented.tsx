"use client";

import { useId } from "react";

/** One choice among few, all in sight: radio buttons that look like one control. */
export function Segmented<Value extends string>({
  legend,
  options,
  value,
  onChange,
  isSmall = false,
}: {
  legend: string;
  options: readonly (readonly [value: Value, name: string, disabled?: string])[];
  value: Value;
  onChange: (value: Value) => void;
  isSmall?: boolean;
}) {
  const name = useId();
  const size = isSmall ? "px-2 py-1 text-xs" : "px-3 py-1.5 text-[13px]";
  return (
    <fieldset className="flex max-w-full shrink-0 gap-0.5 overflow-x-auto rounded-lg bg-raised p-0.5">
      <legend className="sr-only">{legend}</legend>
      {options.map(([option, text, disabled]) => (
        <label
          key={option}
          title={disabled}
          className={`relative whitespace-nowrap rounded-md font-medium text-muted hover:text-text has-checked:bg-surface has-checked:text-text has-checked:shadow-sm has-disabled:cursor-not-allowed has-disabled:opacity-50 has-focus-visible:outline-2 has-focus-visible:outline-accent ${disabled ? "" : "cursor-pointer"} ${size}`}
        >
          <input
            type="radio"
            name={name}
            checked={value === option}
            disabled={disabled !== undefined}
            onChange={() => onChange(option)}
            className="absolute inset-0 m-0 cursor-[inherit] appearance-none rounded-md outline-none"
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
