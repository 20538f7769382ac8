// How the sign-in and set-up pages talk to the server: one POST, one answer.

/** What came back: the face to go to, or why not. */
export interface Answer {
  face: string;
  /** "" = fine; else a code of the server, or "offline". */
  code: string;
  field: string;
}

const timeoutMS = 20_000;

/** Posts a form as JSON. Never throws. */
export async function post(path: string, body: object): Promise<Answer> {
  try {
    const res = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMS),
    });
    const said = (await res.json().catch(() => ({}))) as Partial<Answer>;
    if (res.ok) return { face: said.face ?? "studio", code: "", field: "" };
    return { face: "", code: said.code ?? "internal", field: said.field ?? "" };
  } catch {
    return { face: "", code: "offline", field: "" };
  }
}

/** The page after signing in. Only our own paths: a link must not lead people elsewhere. */
export function enter(face: string, next: string): void {
  const own = new URL(next || "/", location.origin);
  const fits = next.startsWith("/") && own.origin === location.origin && !own.pathname.startsWith("//");
  location.replace(fits ? own.href : `/${face === "desk" ? "desk" : "studio"}`);
}

/** The one-time token of the address's fragment. It leaves the address bar at once, so that nobody copies it on. */
export function takeToken(): string {
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
