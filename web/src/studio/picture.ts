// Pictures go over HTTP, not over the socket: they are large and the socket is for the show.

const maxBytes = 8 << 20;
const timeoutMS = 60_000;

/** A picture id, or the code of what was wrong. */
export interface Upload {
  picture: string;
  code: string;
}

/** Sends a picture; the server makes a JPEG of at most 1200 px of it. */
export async function uploadPicture(file: File): Promise<Upload> {
  if (file.size > maxBytes) return { picture: "", code: "too_large" };
  try {
    const res = await fetch("/api/pictures", {
      method: "POST",
      headers: { "Content-Type": file.type || "application/octet-stream" },
      body: file,
      signal: AbortSignal.timeout(timeoutMS),
    });
    const body = (await res.json().catch(() => ({}))) as { picture?: string; code?: string };
    return { picture: res.ok ? (body.picture ?? "") : "", code: body.code ?? "internal" };
  } catch {
    return { picture: "", code: "offline" };
  }
}
