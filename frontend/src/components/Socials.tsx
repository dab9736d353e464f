import { type Metadata, webLink } from "@/lib/useFacts";

const PLACES = [
  ["website", "Website"],
  ["twitter", "X"],
  ["telegram", "Telegram"],
] as const;

/** Where the token says it can be met: strangers' links, opened without anything of ours. */
export function Socials({ metadata }: { metadata: Metadata | null }) {
  const links = PLACES.flatMap(([field, name]) => {
    const href = webLink(metadata?.[field] ?? null);
    return href ? [{ name, href }] : [];
  });
  if (links.length === 0) return null;
  return (
    <ul className="flex gap-2 text-[13px]">
      {links.map(({ name, href }) => (
        <li key={name}>
          <a
            href={href}
            target="_blank"
            rel="noopener noreferrer nofollow ugc"
            className="text-muted underline decoration-line underline-offset-2 hover:text-text"
          >
            {name}
          </a>
        </li>
      ))}
    </ul>
  );
}
