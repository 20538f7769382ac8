// The picture, what lies over it, and what stands there when there is none.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatCount, formatDuration, t } from "../lib/i18n";
import { Avatar, Badge, Button, copyText, Icon, IconButton, type IconName, LangSwitch } from "../lib/ui";
import { layout, openPanel } from "./layout";
import { Listening, PictureMenu, Slate, TapSound } from "./picture-view";
import { orders, phase, pinned, player, products, room, show, socket } from "./show";

/** Stage holds the one <video>; it stays mounted in every phase and layout. */
export function Stage({ children }: { children?: ComponentChildren }) {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const glow = useRef<HTMLCanvasElement>(null);
  const live = show.value.state === "live";
  useEffect(() => {
    if (!live || !video.current || !still.current) return;
    return player.attach(video.current, still.current);
  }, [live]);
  useEffect(() => paintGlow(video.current, glow.current), []);
  return (
    <section class="stage" data-phase={phase.value} data-shape={player.shape.value}>
      <Poster />
      <canvas ref={glow} class="stage-glow" width={32} height={32} />
      <video
        ref={video}
        class="stage-video"
        data-testid="video"
        playsInline
        autoPlay
        muted
        aria-label={show.value.title}
        {...inAppBrowser}
      />
      <canvas ref={still} class="stage-video stage-still" />
      {player.state.value === "stalled" && <div class="stall-bar" aria-hidden="true" />}
      <Screen />
      {phase.value === "live" && <TapSound class="is-whole" />}
      {children}
    </section>
  );
}

// WeChat's and QQ's own browser (X5) plays inside the page only when told so.
const inAppBrowser = {
  "webkit-playsinline": "true",
  "x5-playsinline": "true",
  "x5-video-player-type": "h5",
  "x5-video-player-fullscreen": "true",
  "x-webkit-airplay": "allow",
};

// A landscape picture on an upright phone stands in its own blurred light: 32×32
// pixels once a second cost nothing.
function paintGlow(video: HTMLVideoElement | null, canvas: HTMLCanvasElement | null): () => void {
  const context = canvas?.getContext("2d");
  const timer = setInterval(() => {
    if (!video?.videoWidth || document.hidden || !canvas) return;
    context?.drawImage(video, 0, 0, canvas.width, canvas.height);
  }, 1000);
  return () => clearInterval(timer);
}

function Poster() {
  const picture = (pinned.value ?? products.value.find((p) => p.picture))?.picture;
  return (
    <div class="stage-poster" aria-hidden="true">
      {picture && <img src={picture} alt="" />}
    </div>
  );
}

// ---- what stands there instead of a picture

function Screen() {
  switch (phase.value) {
    case "live":
      return null;
    case "connecting":
      return (
        <div class="screen is-late" role="status">
          <span class="spinner" />
          <p>{t("room.connecting")}</p>
        </div>
      );
    case "draft":
      return (
        <Card
          icon="receipt"
          title={t("room.draft.title")}
          text={t("room.draft.text")}
          over={show.value.title}
        >
          <Button kind="primary" icon="bag" onClick={() => openPanel("products")}>
            {t("room.draft.browse")}
          </Button>
        </Card>
      );
    case "away":
      return <Slate />;
    case "listening":
      return <Listening />;
    case "ended":
      return <Ended />;
    case "unsupported":
      return (
        <Card icon="warn" title={t("room.unsupported.title")} text={t("room.unsupported.text")}>
          <CopyLink />
        </Card>
      );
    case "gone":
      return <Gone />;
  }
}

function Ended() {
  const { title, started_ms, ended_ms } = show.value;
  const duration = formatDuration(ended_ms - started_ms);
  const lasted = started_ms > 0 && ended_ms > 0 ? t("room.ended.lasted", { title, duration }) : title;
  return (
    <Card icon="check" title={t("room.ended.title")} text={t("room.ended.text")} over={lasted}>
      {orders.value.length > 0 && (
        <Button kind="primary" icon="receipt" onClick={() => openPanel("orders")}>
          {t("room.ended.orders")}
        </Button>
      )}
    </Card>
  );
}

function Gone() {
  const reason = socket.reason.value;
  if (reason === "not_found") {
    return <Card icon="warn" title={t("room.gone.room.title")} text={t("room.gone.room.text")} />;
  }
  const kind = reason === "protocol" ? "protocol" : "token";
  return (
    <Card icon="warn" title={t(`room.gone.${kind}.title`)} text={t(`room.gone.${kind}.text`)}>
      <Button kind="primary" icon="retry" onClick={() => location.reload()}>
        {t("conn.reload")}
      </Button>
    </Card>
  );
}

function CopyLink() {
  return (
    <Button kind="primary" icon="link" onClick={() => void copyText(location.href)}>
      {t("room.copy_link")}
    </Button>
  );
}

interface CardProps {
  icon: IconName;
  title: string;
  text: string;
  over?: string;
  children?: ComponentChildren;
}

function Card({ icon, title, text, over, children }: CardProps) {
  return (
    <div class="screen">
      <Icon name={icon} />
      {over && <p class="screen-over">{over}</p>}
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </div>
  );
}

// ---- the line on top

/** TopBar names the room and holds the small controls. */
export function TopBar({ children }: { children?: ComponentChildren }) {
  const plays = phase.value === "live" || phase.value === "listening";
  const menu = show.value.state === "live" && player.supported;
  const folded = menu && layout.value === "rail"; // a short line: what is rarely used goes into the menu
  return (
    <header class="top">
      <RoomBadge />
      <div class="top-tools">
        {plays && !player.muted.value && (
          <IconButton
            icon="sound"
            label={t("room.sound.off")}
            class="on-glass"
            onClick={() => player.setMuted(true)}
          />
        )}
        {menu && <PictureMenu>{folded && <LangSwitch />}</PictureMenu>}
        {!folded && <LangSwitch class="on-glass" />}
        {children}
      </div>
    </header>
  );
}

function RoomBadge() {
  const { name, distributor, viewers } = room.value;
  const host = distributor && !name.includes(distributor) ? t("room.by", { name: distributor }) : "";
  const onAir = show.value.state === "live";
  return (
    <div class="room-badge">
      <Avatar name={distributor || name} />
      <div class="room-names">
        <h1>{name}</h1>
        <p>
          {onAir && <Badge kind="live">{t("room.live")}</Badge>}
          <span>{host || (distributor ? "" : t("room.hq"))}</span>
          {viewers > 0 && (
            <span class="viewers" data-testid="viewers">
              {t("room.viewers", { n: viewers, count: formatCount(viewers) })}
            </span>
          )}
        </p>
      </div>
    </div>
  );
}
