// Passing the room on. Where the room is a distributor's the viewer gets a link of their
// own: who comes by it and buys was brought by them.
import { signal } from "@preact/signals";
import { t, tCode } from "../lib/i18n";
import type { Share } from "../lib/protocol";
import { CallError } from "../lib/socket";
import { Button, copyText, Sheet, Spinner, toast } from "../lib/ui";
import { room, show, socket } from "./show";

const open = signal(false);
/** Asked for once; it stays good. */
const own = signal<Share | null>(null);

/** openShare shows the sheet and asks for the viewer's own link. */
export async function openShare(): Promise<void> {
  open.value = true;
  if (own.value) return;
  try {
    own.value = await socket.call("share.join", {});
  } catch (e) {
    open.value = false;
    toast(tCode(e instanceof CallError ? e.code : "internal"), "bad");
  }
}

/** ShareSheet holds the link as a picture, as a code to say, and to send. */
export function ShareSheet() {
  const close = () => {
    open.value = false;
  };
  const link = own.value && new URL(own.value.link, location.origin).href;
  return (
    <Sheet
      open={open.value}
      onClose={close}
      title={t("room.share")}
      footer={link && <Send link={link} />}
      class="share-sheet"
      data-testid="share-sheet"
      data-sharer={own.value?.id}
    >
      {own.value && link ? <Ways of={own.value} link={link} /> : <Spinner label={t("room.share.wait")} />}
    </Sheet>
  );
}

function Ways({ of, link }: { of: Share; link: string }) {
  return (
    <div class="share">
      <img src={of.qr} alt={t("room.share.qr")} width={208} height={208} data-testid="share-qr" />
      <p class="share-hint">{t("room.share.scan")}</p>
      {of.code && (
        <p class="share-code">
          <span>{t("room.share.code")}</span>
          <strong data-testid="share-code">{`${of.code.slice(0, 3)} ${of.code.slice(3)}`}</strong>
        </p>
      )}
      <p class="share-link" data-testid="share-link">
        {link}
      </p>
    </div>
  );
}

function Send({ link }: { link: string }) {
  const native = typeof navigator.share === "function";
  // Rejects when the viewer thinks better of it: nothing to say then.
  const send = () =>
    void navigator.share({ title: show.value.title || room.value.name, url: link }).catch(() => {});
  return (
    <div class="place">
      {native && (
        <Button kind="primary" size="large" icon="share" class="is-wide" onClick={send}>
          {t("room.share.send")}
        </Button>
      )}
      <Button
        kind={native ? "secondary" : "primary"}
        size="large"
        icon="copy"
        class="is-wide"
        onClick={() => void copyText(link)}
        data-testid="share-copy"
      >
        {t("room.copy_link")}
      </Button>
    </div>
  );
}
