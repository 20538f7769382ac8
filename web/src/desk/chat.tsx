// Chat of the distributor's own rooms, and their answers.

import { t } from "../lib/i18n";
import type { ChatLine } from "../lib/protocol";
import { toast } from "../lib/ui";
import { ChatFeed, Composer, deleteLine } from "../lib/work/chat";
import { faultText } from "../lib/work/command";
import { socket } from "./wire";

/** DeskChat is the chat card. The server knows which rooms are theirs; the page names none. */
export function DeskChat() {
  // HQ's words to all rooms are HQ's to remove.
  const remove = (line: ChatLine) =>
    line.from === "brand"
      ? undefined
      : () => void deleteLine(socket, line).catch((err) => toast(faultText(err), "bad"));
  return (
    <section class="card chat" aria-labelledby="chat-title">
      <h2 id="chat-title">{t("desk.chat")}</h2>
      <ChatFeed onDelete={remove} empty={t("desk.chat_empty")} />
      <Composer socket={socket} roomID="" placeholder={t("desk.chat_answer")} />
    </section>
  );
}
