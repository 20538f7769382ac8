// Chat of all rooms, and the brand's answers into one or into all.

import { signal } from "@preact/signals";
import { t } from "../lib/i18n";
import { toast } from "../lib/ui";
import { ChatFeed, Composer, deleteLine } from "../lib/work/chat";
import { faultText } from "../lib/work/command";
import { rooms } from "../lib/work/live";
import { socket } from "./wire";

/** Where the brand speaks; empty = everywhere. */
const target = signal("");

/** ChatPanel is the chat tab. */
export function ChatPanel() {
  const answer = (roomID: string) => {
    target.value = roomID;
    document.querySelector<HTMLElement>('.side [data-testid="chat-input"]')?.focus();
  };
  return (
    <div class="chat">
      <ChatFeed
        onRoom={answer}
        onDelete={(line) => () => void deleteLine(socket, line).catch((err) => toast(faultText(err), "bad"))}
        empty={t("studio.chat_empty")}
      />
      <Composer socket={socket} roomID={target.value} placeholder={t("studio.chat_as_brand")}>
        <label class="composer-room">
          <span>{t("studio.chat_to")}</span>
          <select
            value={target.value}
            onChange={(e) => {
              target.value = e.currentTarget.value;
            }}
            data-testid="chat-room"
          >
            <option value="">{t("work.all_rooms")}</option>
            {rooms.value.map((room) => (
              <option key={room.id} value={room.id}>
                {room.name}
              </option>
            ))}
          </select>
        </label>
      </Composer>
    </div>
  );
}
