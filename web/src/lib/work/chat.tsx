// Chat where people work: a log that stays at its end while new lines come, and a
// composer. The studio reads all rooms, a desk its own.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatTime, t } from "../i18n";
import { nickOf } from "../nick";
import { type ChatLine, LIMITS } from "../protocol";
import type { Socket } from "../socket";
import { Empty, IconButton, Spinner } from "../ui";
import { newKey } from "../ulid";
import { useCommand } from "./command";
import { chat, mergeChat, ready, rooms } from "./live";

/** No more lines are drawn, however many are kept. */
const shownLines = 200;
const atEndPx = 40;

export interface ChatFeedProps {
  /** Draws the room's name on each line; clicking it answers there. */
  onRoom?: ((roomID: string) => void) | undefined;
  /** Undefined where this face may not remove the line. */
  onDelete(line: ChatLine): (() => void) | undefined;
  empty: ComponentChildren;
}

/** The lines, oldest first. */
export function ChatFeed({ onRoom, onDelete, empty }: ChatFeedProps) {
  const lines = chat.value.slice(-shownLines);
  const last = lines.at(-1)?.seq ?? 0;
  const { box, away, toEnd } = useStickToEnd(last);
  if (!ready.value) {
    return (
      <div class="chat-frame">
        <Spinner label={t("work.loading")} />
      </div>
    );
  }
  return (
    <div class="chat-frame">
      {/* Lines come fast, so the log is silent to screen readers: they would never finish one. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must do so by keyboard too. */}
      <div class="chat-log" ref={box} role="log" aria-live="off" aria-label={t("work.chat")} tabIndex={0}>
        {lines.length === 0 && (
          <Empty icon="chat" title={t("work.chat_empty")}>
            {empty}
          </Empty>
        )}
        {lines.map((line) => (
          <Line key={line.id} line={line} onRoom={onRoom} onDelete={onDelete} />
        ))}
      </div>
      {away > 0 && (
        <button type="button" class="chat-more" onClick={toEnd}>
          {t("work.chat_new", { n: away })}
        </button>
      )}
    </div>
  );
}

function Line({ line, onRoom, onDelete }: { line: ChatLine } & Omit<ChatFeedProps, "empty">) {
  const remove = onDelete(line);
  const named = line.room || rooms.value.find((r) => r.id === line.room_id)?.name;
  const room = line.room_id ? named : t("work.all_rooms");
  return (
    <div class={`chat-line from-${line.from}`} data-testid="chat-line" data-room={line.room_id}>
      <div class="chat-head">
        <span class="chat-nick">{nickOf(line)}</span>
        {line.from !== "viewer" && (
          <span class="chat-role">{t(line.from === "brand" ? "work.brand" : "work.distributor")}</span>
        )}
        {onRoom && (
          <button
            type="button"
            class="chat-room"
            onClick={() => onRoom(line.room_id)}
            title={t("work.answer_in", { room: room ?? "" })}
          >
            {room}
          </button>
        )}
        <time dateTime={new Date(line.at_ms).toISOString()}>{formatTime(line.at_ms)}</time>
        {remove && (
          <IconButton
            class="chat-delete"
            size="small"
            icon="trash"
            label={t("work.chat_delete", { nick: nickOf(line) })}
            onClick={remove}
          />
        )}
      </div>
      <p class="chat-text">{line.text}</p>
    </div>
  );
}

/** Follows the end unless the reader has scrolled up; then counts what came since. */
function useStickToEnd(last: number) {
  const box = useRef<HTMLDivElement>(null);
  const [away, setAway] = useState(0);
  const atEnd = useRef(true);
  const toEnd = () => {
    const el = box.current;
    if (el) el.scrollTop = el.scrollHeight;
    atEnd.current = true;
    setAway(0);
  };
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const scrolled = () => {
      atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < atEndPx;
      if (atEnd.current) setAway(0);
    };
    // A hidden tab cannot scroll; it catches up when it is shown again.
    const resized = new ResizeObserver(() => {
      if (atEnd.current) toEnd();
    });
    resized.observe(el);
    el.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      resized.disconnect();
      el.removeEventListener("scroll", scrolled);
    };
  }, [ready.value]);
  useEffect(() => {
    if (atEnd.current) toEnd();
    else setAway((n) => n + 1);
  }, [last]);
  return { box, away, toEnd };
}

export interface ComposerProps {
  socket: Socket;
  /** Where the line goes; empty = all rooms, which only the studio may. */
  roomID: string;
  placeholder: string;
  /** Stands before the input, e.g. the choice of a room. */
  children?: ComponentChildren;
}

/** Where a line is written. A line that could not be sent stays in the box under its key. */
export function Composer({ socket, roomID, placeholder, children }: ComposerProps) {
  const [text, setText] = useState("");
  const key = useRef(newKey());
  const say = useCommand();
  const tooLong = Array.from(text).length > LIMITS.chatRunes;
  const send = async (e: Event) => {
    e.preventDefault();
    const line = text.trim();
    if (!line || tooLong || say.busy) return;
    await say.run(async () => {
      const said = await socket.call("chat.say", {
        key: key.current,
        text: line,
        ...(roomID && { room_id: roomID }),
      });
      chat.value = mergeChat(chat.value, [said]);
      key.current = newKey();
      setText("");
    });
  };
  return (
    <form class="composer" onSubmit={send}>
      {children}
      <div class="composer-row">
        <input
          type="text"
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
          placeholder={placeholder}
          aria-label={placeholder}
          aria-invalid={tooLong || undefined}
          autocomplete="off"
          enterkeyhint="send"
          data-testid="chat-input"
        />
        <IconButton
          type="submit"
          kind="primary"
          icon="send"
          label={t("work.send")}
          busy={say.busy}
          disabled={!text.trim() || tooLong}
          data-testid="chat-send"
        />
      </div>
      {tooLong && <p class="field-error">{t("work.chat_too_long", { n: LIMITS.chatRunes })}</p>}
    </form>
  );
}

/** Removes a line here and everywhere. */
export async function deleteLine(socket: Socket, line: ChatLine): Promise<void> {
  await socket.call("chat.delete", { id: line.id });
  chat.value = chat.value.filter((other) => other.id !== line.id);
}
