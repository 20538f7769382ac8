// The centre: what viewers see, and whether HQ's picture arrives at all.

import { useEffect, useRef } from "preact/hooks";
import { formatDuration, t } from "../lib/i18n";
import { Badge, Button, Icon, IconButton, Spinner } from "../lib/ui";
import { ready, show, stage, useServerNow } from "../lib/work/live";
import { Layers, megabits, Standby, Warnings } from "./ingest";
import { Publish } from "./publish";
import { player, socket } from "./wire";

/** Stage is the middle column. */
export function Stage() {
  return (
    <div class="stage">
      <Return />
      <Publish />
    </div>
  );
}

function Return() {
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (video.current) return player.attach(video.current, still.current ?? undefined);
  }, []);
  return (
    <section class="panel return" aria-labelledby="return-title">
      <header class="panel-head">
        <h2 id="return-title">{t("studio.return")}</h2>
        <Sound />
      </header>
      <div class="screen" data-state={player.state.value}>
        <video ref={video} playsInline muted autoPlay data-testid="video" />
        <canvas ref={still} />
        <Cover />
      </div>
      <StageState />
      <Warnings />
    </section>
  );
}

function Sound() {
  const muted = player.muted.value;
  const label = t(muted ? "studio.sound_on" : "studio.sound_off");
  return (
    <IconButton
      size="small"
      icon={muted ? "muted" : "sound"}
      label={label}
      onClick={() => player.setMuted(!muted)}
    />
  );
}

/** What stands over the picture while there is none. */
function Cover() {
  const state = player.state.value;
  if (!player.supported) return <p class="screen-cover">{t("studio.unsupported")}</p>;
  if (player.needsTap.value) {
    return (
      <div class="screen-cover">
        <Button onClick={() => player.setMuted(true)}>{t("studio.play")}</Button>
      </div>
    );
  }
  if (ready.value && !stage.value.live) {
    return (
      <div class="screen-cover">
        <Icon name="camera" />
        <strong>{t("studio.no_picture")}</strong>
        <span>{t(show.value.state === "live" ? "studio.no_picture_live" : "studio.no_picture_text")}</span>
      </div>
    );
  }
  if (state === "stalled") return <p class="screen-note">{t("studio.stalled")}</p>;
  if (state === "away") return <p class="screen-note">{t("studio.away")}</p>;
  if (state === "listening") return <p class="screen-note">{t("studio.sound_alone")}</p>;
  if (state === "playing") return null;
  return (
    <div class="screen-cover">
      <Spinner label={t("studio.connecting")} />
    </div>
  );
}

function StageState() {
  const { live, away, source, video, audio, bitrate, since_ms } = stage.value;
  const now = useServerNow();
  return (
    <div class="stage-state" data-testid="stage-state" data-state={live ? "live" : "empty"}>
      <Arrival live={live} away={away} />
      {live && (
        <dl class="facts">
          <Fact name={t("studio.source")} value={source || "–"} wide />
          <Fact
            name={t("studio.codec")}
            value={[video, audio].filter(Boolean).map(codecName).join(" + ") || "–"}
          />
          <Fact name={t("studio.bitrate")} value={megabits(bitrate)} />
          <Fact name={t("studio.since")} value={formatDuration(now - since_ms)} />
        </dl>
      )}
      {live && (
        <div class="ingest">
          <Layers />
          <Standby />
        </div>
      )}
    </div>
  );
}

/** Whether the picture arrives. Without the socket nobody here knows. */
function Arrival({ live, away }: { live: boolean; away: boolean }) {
  if (!ready.value) return null;
  if (socket.state.value !== "open") return <Badge kind="warn">{t("studio.unknown")}</Badge>;
  if (live && away) return <Badge kind="warn">{t("studio.interrupted")}</Badge>;
  return live ? <Badge kind="good">{t("studio.receiving")}</Badge> : <Badge>{t("studio.empty")}</Badge>;
}

function Fact({ name, value, wide }: { name: string; value: string; wide?: boolean }) {
  return (
    <div class={wide ? "is-wide" : ""}>
      <dt>{name}</dt>
      <dd title={value}>{value}</dd>
    </div>
  );
}

/** video/H264 → H.264 */
function codecName(codec: string): string {
  const name = codec.split("/").at(-1) ?? codec;
  return name.toUpperCase() === "H264" ? "H.264" : name.toUpperCase() === "OPUS" ? "Opus" : name;
}
