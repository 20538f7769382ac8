// What to do when the server no longer knows this page (socket close code 4001).
import { readBoot } from "./boot";
import type { Hello } from "./protocol";

let renewed = ""; // the newest ticket, once the page's own was refused

/** roomHello is the greeting of a room page, always with the newest visit ticket. */
export function roomHello(rest: Pick<Hello, "nick" | "since">): Hello {
  return { face: "room", ticket: renewed || readBoot().ticket, ...rest };
}

/**
 * renewSession makes the next hello good again: a room asks for a fresh ticket under
 * the same viewer cookie, studio and desk go to sign in. It answers with "" or with
 * the error code that says why there is no way back; it throws when the server could
 * not be reached.
 */
export async function renewSession(): Promise<string> {
  const boot = readBoot();
  if (boot.face !== "room") {
    location.assign(`/signin?next=${encodeURIComponent(location.pathname + location.search)}`);
    return "unauthorized";
  }
  const answer = await fetch("/visit", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ room: boot.room.slug, token: boot.token }),
  });
  if (answer.ok) {
    renewed = ((await answer.json()) as { ticket: string }).ticket;
    return "";
  }
  if (answer.status >= 500 || answer.status === 429) throw new Error(`visit answered ${answer.status}`);
  const problem = (await answer.json().catch(() => ({}))) as { code?: string };
  return problem.code ?? "bad_token";
}
