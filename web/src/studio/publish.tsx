// Publishing from this page: choose camera and microphone, look, go on air, stay there.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { Badge, Button, Icon, IconButton, useNow } from "../lib/ui";
import { stage } from "../lib/work/live";
import { air, airFault, airRetryAt, airRival, airStats, goOffAir, goOnAir, swapMedia, takeOver } from "./air";
import * as capture from "./capture";
import { megabits } from "./ingest";
import { KeySheet } from "./key";

/** Publish is the panel under the return picture. */
export function Publish() {
  useEffect(capture.watchDevices, []);
  return (
    <section class="panel publish" aria-labelledby="publish-title" data-state={air.value}>
      <header class="panel-head">
        <h2 id="publish-title">{t("studio.publish")}</h2>
        {air.value === "onair" ? <AirNow /> : <Encoder />}
      </header>
      <div class="publish-body">
        <Preview />
        <div class="publish-side">
          <Devices />
          <Level />
          <Advice />
          <Actions />
        </div>
      </div>
    </section>
  );
}

/** The other way onto the stage. */
function Encoder() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="small" kind="quiet" icon="key" onClick={() => setOpen(true)} data-testid="stage-key">
        {t("studio.obs")}
      </Button>
      <KeySheet open={open} onClose={() => setOpen(false)} />
    </>
  );
}

function AirNow() {
  const stats = airStats.value;
  return (
    <span class="air-now">
      {stats && stats.height > 0 && (
        <span class="air-numbers">
          {`${stats.width}×${stats.height} · ${Math.round(stats.fps)} fps · ${megabits(stats.bitrate)}`}
        </span>
      )}
      <Badge kind="live">{t("studio.on_air")}</Badge>
    </span>
  );
}

function Preview() {
  const video = useRef<HTMLVideoElement>(null);
  const media = capture.stream.value;
  useEffect(() => {
    if (video.current) video.current.srcObject = media;
  }, [media]);
  const dark = !media || media.getVideoTracks().length === 0 || !capture.cameraOn.value;
  return (
    <div class="preview">
      <video ref={video} playsInline muted autoPlay aria-label={t("studio.preview")} hidden={dark} />
      {dark && (
        <span class="preview-empty">
          <Icon name="camera" />
          {media ? t("studio.camera_off") : t("studio.preview_closed")}
        </span>
      )}
    </div>
  );
}

function Devices() {
  return (
    <div class="devices">
      <Device
        kind="camera"
        list={capture.cameras.value}
        chosen={capture.cameraID.value}
        on={capture.cameraOn.value}
      />
      <Device
        kind="microphone"
        list={capture.microphones.value}
        chosen={capture.microphoneID.value}
        on={capture.microphoneOn.value}
      />
    </div>
  );
}

interface DeviceProps {
  kind: "camera" | "microphone";
  list: MediaDeviceInfo[];
  chosen: string;
  on: boolean;
}

function Device({ kind, list, chosen, on }: DeviceProps) {
  const name = t(kind === "camera" ? "studio.camera" : "studio.microphone");
  const choose = async (id: string) => {
    const next = await capture.chooseDevice(kind, id);
    if (next) await swapMedia(next);
    else goOffAir();
  };
  // Without permission browsers list devices without names; then there is nothing to choose from.
  const known = list.filter((d) => d.label);
  return (
    <div class="device">
      <label class="device-box">
        <Icon name={kind === "camera" ? "camera" : "mic"} />
        <span class="visually-hidden">{name}</span>
        <select onChange={(e) => void choose(e.currentTarget.value)} disabled={known.length === 0}>
          {known.length === 0 && <option value="">{name}</option>}
          {/* selected on the option: as the list changes, Preact would set the select's value before its options. */}
          {known.map((d, i) => (
            <option key={d.deviceId} value={d.deviceId} selected={chosen ? d.deviceId === chosen : i === 0}>
              {d.label}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={on}
        aria-label={name}
        disabled={capture.captureState.value !== "open"}
        onClick={() => capture.enableTracks(kind, !on)}
      >
        <span class="switch-track" />
      </button>
    </div>
  );
}

function Level() {
  const open = capture.captureState.value === "open";
  const silent = !capture.microphoneOn.value;
  return (
    <div class="level">
      <meter
        min={0}
        max={1}
        low={0.2}
        high={0.92}
        optimum={0.6}
        value={capture.level.value}
        aria-label={t("studio.level")}
      />
      <span>{!open ? t("studio.level") : silent ? t("studio.microphone_off") : t("studio.level_hint")}</span>
    </div>
  );
}

/** One line about what is wrong or worth knowing, and only then. */
function Advice() {
  const now = useNow().value;
  const error = capture.captureError.value;
  const limited = airStats.value?.limited ?? "none";
  const state = air.value;
  if (error) return <Note kind="bad">{t(`studio.capture_${error}`)}</Note>;
  if (state === "retrying") {
    const seconds = Math.max(0, Math.ceil((airRetryAt.value - now) / 1000));
    return <Note kind="warn">{t("studio.air_retrying", { seconds })}</Note>;
  }
  if (state === "failed")
    return (
      <Note kind="bad">
        {t(
          airFault.value === "codec"
            ? "studio.air_codec"
            : airFault.value === "denied"
              ? "studio.air_denied"
              : "studio.air_refused",
        )}
      </Note>
    );
  if (state === "busy") {
    return <Note kind="warn">{t("studio.air_busy", { name: airRival.value || t("studio.someone") })}</Note>;
  }
  if (state === "onair" && limited === "cpu") return <Note kind="warn">{t("studio.limited_cpu")}</Note>;
  if (state === "onair" && limited === "bandwidth")
    return <Note kind="warn">{t("studio.limited_bandwidth")}</Note>;
  if (state === "off" && stage.value.live)
    return <Note>{t("studio.air_other", { name: stage.value.source || t("studio.someone") })}</Note>;
  return <Note>{state === "off" ? t("studio.publish_hint") : ""}</Note>;
}

function Note({ kind = "info", children }: { kind?: "info" | "warn" | "bad"; children: string }) {
  return (
    <p class={`note is-${kind}`} role="status">
      {children}
    </p>
  );
}

function Actions() {
  const state = air.value;
  const opening = capture.captureState.value === "opening";
  const start = (over: boolean) => async () => {
    const media = await capture.openCapture();
    if (media) (over ? takeOver : goOnAir)(media);
  };
  const stop = () => {
    goOffAir();
    capture.closeCapture();
  };
  if (state === "busy") {
    return (
      <div class="publish-actions">
        <Button kind="danger" onClick={start(true)} data-testid="publish-take-over">
          {t("studio.take_over")}
        </Button>
        <Button onClick={goOffAir}>{t("ui.cancel")}</Button>
      </div>
    );
  }
  if (state === "off" || state === "failed") return <StartActions opening={opening} start={start(false)} />;
  return (
    <div class="publish-actions">
      <Button kind="danger" icon="stop" onClick={stop} data-testid="publish-stop">
        {t(state === "onair" ? "studio.publish_stop" : "ui.cancel")}
      </Button>
      {state !== "onair" && (
        <span class="air-wait">
          <span class="spinner" />
          {t("studio.air_connecting")}
        </span>
      )}
    </div>
  );
}

function StartActions({ opening, start }: { opening: boolean; start(): void }) {
  const open = capture.captureState.value === "open";
  return (
    <div class="publish-actions">
      <Button kind="primary" icon="camera" busy={opening} onClick={start} data-testid="publish-start">
        {t("studio.publish_start")}
      </Button>
      {open ? (
        <IconButton icon="close" label={t("studio.preview_close")} onClick={capture.closeCapture} />
      ) : (
        <Button disabled={opening} onClick={() => void capture.openCapture()}>
          {t("studio.preview_open")}
        </Button>
      )}
    </div>
  );
}
