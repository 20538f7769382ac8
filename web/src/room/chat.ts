// The room's chat as the page holds it: at most 200 lines, own lines shown at once
// and found again by their key when the server echoes them.
import { signal } from "@preact/signals";
import type { ChatLine } from "../lib/protocol";

const maxLines = 200;

export interface Line extends ChatLine {
  mine: boolean;
  state: "said" | "sending" | "failed";
  reason: string; // why it failed, in words
}

export const lines = signal<Line[]>([]);
const myKeys = new Set<string>();

/** lastSeq is the newest line the server has told, for hello. */
export function lastSeq(): number {
  return lines.value.reduce((seq, line) => Math.max(seq, line.seq), 0);
}

/** addOwn shows a line of the viewer's before the server has it. */
export function addOwn(line: Line): void {
  myKeys.add(line.key);
  lines.value = [...lines.value, line].slice(-maxLines);
}

/** changeOwn changes a line that is still ours alone. */
export function changeOwn(key: string, to: Partial<Line>): void {
  lines.value = lines.value.map((line) => (line.mine && line.key === key ? { ...line, ...to } : line));
}

/** addChat appends lines; one that is already there, by id or by own key, is replaced. */
export function addChat(news: ChatLine[]): void {
  if (news.length === 0) return;
  const keys = new Set(news.map((n) => n.key).filter((key) => key !== ""));
  const ids = new Set(news.map((n) => n.id));
  const kept = lines.value.filter((line) => !ids.has(line.id) && !(line.mine && keys.has(line.key)));
  const said = news.map((n): Line => ({ ...n, mine: myKeys.has(n.key), state: "said", reason: "" }));
  lines.value = [...kept, ...said].slice(-maxLines);
}

/** chatGone takes removed lines away. */
export function chatGone(ids: string[]): void {
  lines.value = lines.value.filter((line) => !ids.includes(line.id));
}
