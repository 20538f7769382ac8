// What the viewer says, and under which name.
import { tCode } from "../lib/i18n";
import { CallError } from "../lib/socket";
import { remember } from "../lib/storage";
import { newKey } from "../lib/ulid";
import { addChat, addOwn, changeOwn, type Line } from "./chat";
import { room, socket } from "./show";

export const maxChatChars = 200;

/** say shows the line at once and sends it, now or when the connection is back. */
export function say(text: string): void {
  const key = newKey();
  const empty = { seq: 0, id: key, from: "viewer", at_ms: Date.now(), room_id: "", room: "", reason: "" };
  const line: Line = { ...empty, key, nick: room.value.nick, text, mine: true, state: "sending" };
  addOwn(line);
  void deliver(line);
}

/** sayAgain tries a refused line once more, under the same key. */
export function sayAgain(line: Line): void {
  changeOwn(line.key, { state: "sending", reason: "" });
  void deliver(line);
}

async function deliver(line: Line): Promise<void> {
  try {
    addChat([await socket.call("chat.say", { key: line.key, text: line.text }, { queue: true })]);
  } catch (e) {
    changeOwn(line.key, { state: "failed", reason: tCode(e instanceof CallError ? e.code : "internal") });
  }
}

/** setNick changes the name the viewer chats under and remembers it for the next visit. */
export async function setNick(nick: string): Promise<void> {
  await socket.call("chat.nick", { nick });
  room.value = { ...room.value, nick };
  remember("nick", nick);
}
