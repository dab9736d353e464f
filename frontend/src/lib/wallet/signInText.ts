/** The text of Sign-In With Solana, as a wallet shows and signs it. Pure. */

import type { SolanaSignInInput } from "@solana/wallet-standard-features";

const FIELDS = [
  ["URI", "uri"],
  ["Version", "version"],
  ["Chain ID", "chainId"],
  ["Nonce", "nonce"],
  ["Issued At", "issuedAt"],
  ["Expiration Time", "expirationTime"],
  ["Not Before", "notBefore"],
  ["Request ID", "requestId"],
] as const;

/** https://github.com/phantom/sign-in-with-solana: head, statement and fields, an empty line between them. */
export function signInText(input: SolanaSignInInput & { domain: string; address: string }): string {
  const head = `${input.domain} wants you to sign in with your Solana account:\n${input.address}`;
  const fields = FIELDS.flatMap(([label, name]) => (input[name] ? [`${label}: ${input[name]}`] : []));
  if (input.resources?.length) fields.push("Resources:", ...input.resources.map((uri) => `- ${uri}`));
  return [
    head,
    ...(input.statement ? [input.statement] : []),
    ...(fields.length ? [fields.join("\n")] : []),
  ].join("\n\n");
}
