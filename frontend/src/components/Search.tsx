"use client";

import { useQuery } from "@tanstack/react-query";
import { useRouter } from "next/router";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { retry } from "@/lib/api";
import { MISSING, shortKey } from "@/lib/format";
import { fetchSearch } from "@/lib/history";
import type { Token } from "@/lib/tokens";
import { Avatar } from "./Avatar";

const PAUSE_MS = 180;
const KEY = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;

/** `value`, once it has rested. */
function useRested(value: string): string {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

/** "/" or Ctrl-K bring the cursor here, unless one is writing elsewhere. */
function useShortcut(input: React.RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const hear = (event: globalThis.KeyboardEvent) => {
      const isWriting = event.target instanceof Element && event.target.closest("input, textarea, select");
      const isWanted =
        (event.key === "/" && !isWriting) || (event.key === "k" && (event.ctrlKey || event.metaKey));
      if (!isWanted) return;
      event.preventDefault();
      input.current?.focus();
    };
    window.addEventListener("keydown", hear);
    return () => window.removeEventListener("keydown", hear);
  }, [input]);
}

/** Tokens by mint, symbol or name: a combobox. A whole address goes to its page at once. */
export function Search() {
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const router = useRouter();
  const wanted = useRested(text.trim());
  useShortcut(input);
  const { data, error, isFetching } = useQuery({
    queryKey: ["search", wanted],
    queryFn: ({ signal }) => fetchSearch(wanted, signal),
    enabled: wanted.length > 0,
    staleTime: 5_000,
    retry,
  });
  const found = wanted && data ? data : [];
  const isShown = isOpen && wanted.length > 0;
  const go = (mint: string) => {
    setOpen(false);
    setText("");
    input.current?.blur();
    void router.push(`/trade/?mint=${mint}`);
  };
  const hear = (event: KeyboardEvent<HTMLInputElement>) => {
    const chosen = found[Math.min(active, found.length - 1)];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive((at) => (found.length ? (at + step + found.length) % found.length : 0));
    } else if (event.key === "Escape") {
      setOpen(false);
      input.current?.blur();
    } else if (event.key === "Enter") {
      if (chosen) go(chosen.mint);
      else if (KEY.test(text.trim())) go(text.trim());
    }
  };
  return (
    <search className="relative w-full md:max-w-[340px]">
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search tokens"
        aria-expanded={isShown}
        aria-controls={`${id}list`}
        aria-autocomplete="list"
        aria-activedescendant={isShown && found.length ? `${id}${active}` : undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder="Search symbol, name or mint"
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          setActive(0);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={hear}
        className="h-9 w-full rounded-lg border border-line bg-surface pl-3 pr-9 placeholder:text-faint"
      />
      <kbd className="pointer-events-none absolute right-2 top-2 hidden rounded border border-line px-1.5 font-sans text-xs leading-5 text-faint md:block">
        /
      </kbd>
      <div
        id={`${id}list`}
        role="listbox"
        aria-label="Tokens found"
        hidden={!isShown}
        className="absolute inset-x-0 top-11 z-40 overflow-hidden rounded-xl border border-line bg-surface shadow-lg md:w-[420px]"
      >
        {found.map((token, index) => (
          <Option
            key={token.mint}
            id={`${id}${index}`}
            token={token}
            isActive={index === active}
            onChoose={go}
          />
        ))}
      </div>
      {isShown && found.length === 0 && (
        <p
          role="status"
          className="absolute inset-x-0 top-11 z-40 rounded-xl border border-line bg-surface px-4 py-3 text-muted shadow-lg"
        >
          {error ? error.message : isFetching || wanted !== text.trim() ? "Searching…" : "Nothing found."}
        </p>
      )}
    </search>
  );
}

function Option(props: { id: string; token: Token; isActive: boolean; onChoose: (mint: string) => void }) {
  const { mint, symbol, name, marketCap, image } = props.token;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the combobox keeps the focus
    // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox hears the keys
    <div
      id={props.id}
      role="option"
      aria-selected={props.isActive}
      onPointerDown={(event) => event.preventDefault()}
      onClick={() => props.onChoose(mint)}
      className="flex h-14 cursor-pointer items-center gap-3 px-3 hover:bg-raised aria-selected:bg-raised"
    >
      <Avatar mint={mint} image={image} size={32} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{symbol || shortKey(mint)}</span>
        <span className="block truncate text-[13px] text-muted">{name || "Name not seen"}</span>
      </span>
      <span className="text-right">
        <span className="block">{marketCap === null ? MISSING : Number(marketCap).toFixed(1)} SOL</span>
        <span className="block font-mono text-xs text-faint">{shortKey(mint)}</span>
      </span>
    </div>
  );
}
