import { serverNow } from "./clock";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * newKey makes a ULID: 48 bits of time, 80 of randomness. It is the idempotency key of one intent;
 * by the server's clock, which refuses keys from its future and older than a day.
 */
export function newKey(nowMs = serverNow()): string {
  let time = "";
  for (let i = 0, rest = nowMs; i < 10; i++) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  const random = crypto.getRandomValues(new Uint8Array(16));
  return time + Array.from(random, (byte) => alphabet.charAt(byte % 32)).join("");
}
