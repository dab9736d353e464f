/** Let the page go on: what waits (a frame, a key, a trade) comes first. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
