// Chat of the distributor's own rooms, and their answers.

import { useState } from "preact/hooks";
import { t } from "../lib/i18n";
import type { ChatLine, RoomInfo } from "../lib/protocol";
import { toast } from "../lib/ui";
import { ChatFeed, Composer, deleteLine } from "../lib/work/chat";
import { faultText } from "../lib/work/command";
import { rooms } from "../lib/work/live";
import { socket } from "./wire";

/** DeskChat is the chat card. */
export function DeskChat() {
  const list = rooms.value;
  const [chosen, setChosen] = useState("");
  const room = list.find((r) => r.id === chosen) ?? list[0];
  const several = list.length > 1;
  // HQ's words are HQ's to remove.
  const remove = (line: ChatLine) =>
    line.from === "brand"
      ? undefined
      : () => void deleteLine(socket, line).catch((err) => toast(faultText(err), "bad"));
  return (
    <section class="card chat" aria-labelledby="chat-title">
      <h2 id="chat-title">{t("desk.chat")}</h2>
      <ChatFeed onRoom={several ? setChosen : undefined} onDelete={remove} empty={t("desk.chat_empty")} />
      {room && (
        <Composer socket={socket} roomID={room.id} placeholder={t("desk.chat_answer")}>
          {several && <RoomChoice list={list} room={room} choose={setChosen} />}
        </Composer>
      )}
    </section>
  );
}

function RoomChoice({ list, room, choose }: { list: RoomInfo[]; room: RoomInfo; choose(id: string): void }) {
  return (
    <label class="composer-room">
      <span>{t("desk.chat_to")}</span>
      <select value={room.id} onChange={(e) => choose(e.currentTarget.value)}>
        {list.map((r) => (
          <option key={r.id} value={r.id}>
            {r.name}
          </option>
        ))}
      </select>
    </label>
  );
}
