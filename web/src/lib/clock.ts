// The server's clock. Deadlines are shown by it, and keys whose age the server checks
// are made by it: many a phone is minutes off.
import { signal } from "@preact/signals";

/** The server's clock minus ours in ms; 0 until the first welcome. */
export const skewMs = signal(0);

/** setServerClock takes what the server has just said its time is, in Unix ms. */
export function setServerClock(serverMs: number): void {
  skewMs.value = serverMs - Date.now();
}

/** serverNow is the server's clock right now, in Unix ms. */
export function serverNow(): number {
  return Date.now() + skewMs.value;
}
