// The one line about the connection on studio and desk.

import { t } from "../i18n";
import type { Socket } from "../socket";
import { Button, StatusStrip, useNow } from "../ui";
import { ready } from "./live";

/** Says nothing while all is well; otherwise what is wrong, what still works and when it tries again. */
export function Connection({ socket }: { socket: Socket }) {
  const state = socket.state.value;
  const now = useNow().value;
  const first = !ready.value && state === "connecting";
  if (state === "open" || first) return <StatusStrip>{null}</StatusStrip>;
  if (state === "gone") {
    const signIn = socket.reason.value !== "protocol";
    return (
      <StatusStrip kind="bad">
        <span>{t(signIn ? "work.signed_out" : "conn.gone")}</span>
        <Button size="small" onClick={() => location.reload()}>
          {t(signIn ? "work.sign_in" : "conn.reload")}
        </Button>
      </StatusStrip>
    );
  }
  const seconds = Math.max(0, Math.ceil((socket.retryAt.value - now) / 1000));
  const waits = (state === "retrying" || state === "offline") && seconds > 0;
  return (
    <StatusStrip kind="warn">
      <span>{t(state === "offline" ? "conn.offline" : "work.reconnecting")}</span>
      {waits && (
        // The countdown is for eyes: a screen reader would read every second of it.
        <span class="strip-count" aria-hidden="true">
          {t("work.retry_in", { seconds })}
        </span>
      )}
      {waits && (
        <Button size="small" onClick={() => socket.retryNow()}>
          {t("conn.retry_now")}
        </Button>
      )}
    </StatusStrip>
  );
}
