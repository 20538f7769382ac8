// The chat column and the line to write in.
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t, tCode } from "../lib/i18n";
import { nickOf } from "../lib/nick";
import { CallError } from "../lib/socket";
import { Badge, Button, Field, IconButton, Sheet, toast } from "../lib/ui";
import { type Line, lines } from "./chat";
import { maxChatChars, say, sayAgain, setNick } from "./say";
import { player, room, socket } from "./show";

const nearEndPx = 48;

/** ChatLog keeps to the newest line until the viewer scrolls up. */
export function ChatLog() {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [unseen, setUnseen] = useState(0);
  const count = lines.value.length;
  const last = lines.value[count - 1]?.id;

  useLayoutEffect(() => {
    if (following.current) toEnd(box.current);
    else setUnseen((n) => n + 1);
  }, [last, count]);
  useEffect(() => keepAtEnd(box.current, following), []);

  const onScroll = () => {
    const el = box.current;
    following.current = !el || el.scrollHeight - el.scrollTop - el.clientHeight < nearEndPx;
    if (following.current) setUnseen(0);
  };
  return (
    <div class="chat" data-muted={player.muted.value}>
      {/* Many lines a second would drown a screen reader: the digest speaks instead. */}
      <div
        ref={box}
        class="chat-log"
        role="log"
        aria-live="off"
        aria-label={t("room.chat.title")}
        onScroll={onScroll}
      >
        {count === 0 && <p class="chat-empty">{t("room.chat.empty")}</p>}
        {lines.value.map((line) => (
          <ChatRow key={line.key || line.id} line={line} />
        ))}
      </div>
      {unseen > 0 && (
        <button type="button" class="chat-new" onClick={() => toEnd(box.current)}>
          {t("room.chat.new", { n: unseen })}
        </button>
      )}
      <Digest />
    </div>
  );
}

function toEnd(el: HTMLDivElement | null): void {
  if (el) el.scrollTop = el.scrollHeight;
}

// The column shrinks when a keyboard opens; the newest line stays in sight.
function keepAtEnd(el: HTMLDivElement | null, following: { current: boolean }): () => void {
  if (!el) return () => {};
  const watch = new ResizeObserver(() => following.current && toEnd(el));
  watch.observe(el);
  return () => watch.disconnect();
}

function ChatRow({ line }: { line: Line }) {
  const who = line.mine ? "me" : line.from;
  return (
    <p class="chat-line" data-testid="chat-line" data-from={who} data-state={line.state}>
      {line.from === "brand" && <Badge kind="accent">{t("room.chat.brand")}</Badge>}
      {line.from === "distributor" && <Badge kind="warn">{t("room.chat.host")}</Badge>}
      <span class="chat-nick">{nickOf(line)}</span>
      <span class="chat-text">{line.text}</span>
      {line.state === "failed" && (
        <button type="button" class="chat-failed" onClick={() => sayAgain(line)}>
          {t("room.chat.failed", { reason: line.reason })} · {t("ui.retry")}
        </button>
      )}
    </p>
  );
}

const digestEveryMs = 10_000;

/** Digest tells a screen reader every ten seconds how much was said and what the brand answered. */
function Digest() {
  const [text, setText] = useState("");
  useEffect(() => {
    let heard = lines.value.at(-1)?.seq ?? 0;
    const timer = setInterval(() => {
      const news = lines.value.filter((line) => line.seq > heard && !line.mine);
      heard = Math.max(heard, ...news.map((line) => line.seq));
      const brand = news.findLast((line) => line.from !== "viewer");
      const count = news.length > 0 ? t("room.chat.digest", { n: news.length }) : "";
      setText(brand ? `${count}. ${brand.nick}: ${brand.text}` : count);
    }, digestEveryMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="visually-hidden" role="status">
      {text}
    </p>
  );
}

// ---- writing

const nickOpen = signal(false);

/** Composer is the line to write in; what is said without a connection waits for it. */
export function Composer() {
  const [text, setText] = useState("");
  const open = socket.state.value === "open";
  const submit = (e: Event) => {
    e.preventDefault();
    if (!text.trim()) return;
    say(text.trim());
    setText("");
  };
  return (
    <form class="composer" onSubmit={submit}>
      <IconButton icon="user" label={`${t("room.nick.title")}: ${room.value.nick}`} onClick={openNick} />
      <input
        type="text"
        value={text}
        maxLength={maxChatChars}
        enterKeyHint="send"
        autoComplete="off"
        aria-label={t("room.chat.title")}
        placeholder={open ? t("room.chat.placeholder") : t("room.chat.waiting")}
        data-testid="chat-input"
        onInput={(e) => setText(e.currentTarget.value)}
      />
      <IconButton
        icon="send"
        type="submit"
        label={t("room.chat.send")}
        data-testid="chat-send"
        disabled={text.trim() === ""}
      />
    </form>
  );
}

function openNick(): void {
  nickOpen.value = true;
}

/** NickSheet asks under which name to chat. */
export function NickSheet() {
  const close = () => {
    nickOpen.value = false;
  };
  return (
    <Sheet open={nickOpen.value} onClose={close} title={t("room.nick.title")}>
      <NickForm close={close} />
    </Sheet>
  );
}

function NickForm({ close }: { close: () => void }) {
  const [nick, set] = useState(room.value.nick);
  const submit = async (e: Event) => {
    e.preventDefault();
    try {
      await setNick(nick.trim());
      close();
    } catch (problem) {
      toast(tCode(problem instanceof CallError ? problem.code : "internal"), "bad");
    }
  };
  return (
    <form class="stack" onSubmit={submit}>
      <Field
        label={t("room.nick.label")}
        hint={t("room.nick.hint")}
        value={nick}
        onInput={set}
        maxLength={24}
        autoComplete="nickname"
        autoFocus
      />
      <Button kind="primary" type="submit" disabled={!nick.trim()}>
        {t("ui.save")}
      </Button>
    </form>
  );
}
