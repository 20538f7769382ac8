// One line that says what is lost, whose fault it is, and when it comes back.
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { t } from "../lib/i18n";
import { StatusStrip, useNow } from "../lib/ui";
import { player, show, socket, welcomed } from "./show";

/** Stalls under three seconds have the thin bar only. */
const longStall = signal(false);
const sayAfterMs = 3000;

type Trouble = "none" | "offline" | "both" | "socket" | "network";

const trouble = computed((): Trouble => {
  const state = socket.state.value;
  if (state === "gone" || (state === "connecting" && !welcomed.value)) return "none";
  if (state === "offline") return "offline";
  const plays = player.state.value === "playing" || player.state.value === "listening";
  if (state !== "open") return plays ? "socket" : "both";
  return show.value.state === "live" && longStall.value ? "network" : "none";
});

/** Strip is empty, and takes no room, while all is well. */
export function Strip() {
  const stalled = player.state.value === "stalled";
  useEffect(() => {
    longStall.value = false;
    if (!stalled) return;
    const timer = setTimeout(() => {
      longStall.value = true;
    }, sayAfterMs);
    return () => clearTimeout(timer);
  }, [stalled]);
  const kind = trouble.value === "both" || trouble.value === "offline" ? "bad" : "warn";
  return (
    <StatusStrip kind={kind} data-trouble={trouble.value}>
      {trouble.value === "offline" && <Retry text={t("room.offline")} />}
      {trouble.value === "both" && <Countdown />}
      {trouble.value === "socket" && t("room.socket_lost")}
      {trouble.value === "network" && t("room.stalled")}
    </StatusStrip>
  );
}

function Countdown() {
  const now = useNow();
  if (socket.state.value === "connecting") return <span>{t("conn.connecting")}</span>;
  const seconds = Math.max(1, Math.ceil((socket.retryAt.value - now.value) / 1000));
  return <Retry text={t("room.both_lost", { seconds })} />;
}

function Retry({ text }: { text: string }) {
  return (
    <>
      <span>{text}</span>
      <button type="button" onClick={() => socket.retryNow()}>
        {t("conn.retry_now")}
      </button>
    </>
  );
}
