/** A transaction on the wire: signatures, and the message they are of. Pure. */

import { type Bytes, isEqual } from "./bytes";

const SIGNATURE = 64;
const KEY = 32;
const VERSIONED = 0x80;

/** Where a transaction's message begins, and whose signatures stand before it. */
export interface Envelope {
  message: Bytes;
  signers: Bytes[];
  /** Byte at which each signer's signature begins, in the same order. */
  places: number[];
}

/** Throws for bytes that are no transaction. */
export function opened(transaction: Bytes): Envelope {
  const [count, start] = shortAt(transaction, 0);
  const message = transaction.subarray(start + count * SIGNATURE);
  const header = (message[0] ?? 0) & VERSIONED ? 1 : 0;
  const [keys, firstKey] = shortAt(message, header + 3);
  if (message[header] !== count || keys < count || message.length < firstKey + keys * KEY) {
    throw new Error("These bytes are not a transaction.");
  }
  const places = Array.from({ length: count }, (_, index) => start + index * SIGNATURE);
  const signers = places.map((_, index) =>
    message.subarray(firstKey + index * KEY, firstKey + (index + 1) * KEY),
  );
  return { message, signers, places };
}

/** The transaction with one key's signature in its place. Throws where it does not ask for that key's. */
export async function signed(
  transaction: Bytes,
  key: Uint8Array,
  sign: (message: Bytes) => Promise<Uint8Array>,
): Promise<Bytes> {
  const { message, signers, places } = opened(transaction);
  const place = places[signers.findIndex((signer) => isEqual(signer, key))];
  if (place === undefined) throw new Error("This transaction does not ask for this wallet's signature.");
  const result = transaction.slice();
  result.set(await sign(message), place);
  return result;
}

/** Solana's compact-u16 at a place, and the place after it. */
function shortAt(bytes: Bytes, place: number): [value: number, after: number] {
  let value = 0;
  for (let index = 0; index < 3; index += 1) {
    const byte = bytes[place + index] ?? 0;
    value |= (byte & 0x7f) << (index * 7);
    if (byte < 0x80) return [value, place + index + 1];
  }
  throw new Error("These bytes are not a transaction.");
}
