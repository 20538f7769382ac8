// The distributor's rooms: the link is what they work with, so it can be copied,
// shared and shown.

import { useState } from "preact/hooks";
import { t } from "../lib/i18n";
import type { RoomInfo } from "../lib/protocol";
import { Button, copyText, Sheet } from "../lib/ui";
import { absolute } from "../lib/work/copy";
import { rooms, show } from "../lib/work/live";

/** RoomCard is one card for each of their rooms; nearly everybody has one. */
export function RoomCard() {
  const list = rooms.value;
  return (
    <section class="card rooms" aria-labelledby="rooms-title">
      <h2 id="rooms-title">{t("desk.room_title")}</h2>
      {list.length === 0 && <p class="muted">{t("desk.no_room")}</p>}
      {list.map((room) => (
        <Room key={room.id} room={room} several={list.length > 1} />
      ))}
    </section>
  );
}

function Room({ room, several }: { room: RoomInfo; several: boolean }) {
  const [qr, setQR] = useState(false);
  const link = absolute(room.link);
  return (
    <div class="room">
      <div class="room-head">
        <h3 title={room.name}>{room.name}</h3>
        {several && <span class="room-viewers">{t("desk.room_viewers", { n: room.viewers })}</span>}
      </div>
      <div class="room-body">
        <button type="button" class="qr" aria-label={t("desk.qr_large")} onClick={() => setQR(true)}>
          <QR room={room} />
        </button>
        <div class="room-do">
          <a class="room-link" href={room.link} target="_blank" rel="noreferrer" data-testid="room-link">
            {link}
          </a>
          <div class="room-actions">
            <Button kind="primary" icon="copy" onClick={() => void copyText(link)}>
              {t("desk.copy")}
            </Button>
            {typeof navigator.share === "function" && (
              <Button icon="share" onClick={() => void share(room, link)}>
                {t("desk.share")}
              </Button>
            )}
          </div>
        </div>
      </div>
      <Sheet open={qr} onClose={() => setQR(false)} title={room.name} class="qr-sheet">
        <QR room={room} />
        <p class="muted">{t("desk.qr_hint")}</p>
      </Sheet>
    </div>
  );
}

function QR({ room }: { room: RoomInfo }) {
  return (
    <img
      src={`${room.link}/qr.svg`}
      alt={t("desk.qr_alt", { room: room.name })}
      width="160"
      height="160"
      data-testid="room-qr"
    />
  );
}

async function share(room: RoomInfo, link: string): Promise<void> {
  const text = show.value.title ? t("desk.share_text", { show: show.value.title }) : room.name;
  // Rejects when the person thinks better of it: nothing to say then.
  await navigator.share({ title: room.name, text, url: link }).catch(() => {});
}
