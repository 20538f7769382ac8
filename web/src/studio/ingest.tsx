// How well HQ's picture arrives: its layers, whether a standby is ready, and what is
// wrong with it, in plain words and with what to do.

import { useState } from "preact/hooks";
import { type Key, t } from "../lib/i18n";
import type { LayerInfo } from "../lib/protocol";
import { Badge, Button, Icon, Sheet } from "../lib/ui";
import { absolute, CopyField } from "../lib/work/copy";
import { stage, whipURL } from "../lib/work/live";
import { air } from "./air";

/** Layers lists the sizes of the picture that viewers can be given. */
export function Layers() {
  const { layers } = stage.value;
  if (layers.length === 0) return null;
  return (
    <ul class="layers" aria-label={t("studio.layers")} data-testid="layers">
      {layers.map((l) => (
        <Layer key={l.id} layer={l} />
      ))}
    </ul>
  );
}

function Layer({ layer }: { layer: LayerInfo }) {
  const { width, height, bitrate, active } = layer;
  const rate = active ? megabits(bitrate) : t("studio.layer_off");
  return (
    <li data-active={active}>
      {height > 0 && <strong>{`${width}×${height}`}</strong>} {rate}
    </li>
  );
}

/** Standby says whether a second encoder is ready to take over, and how to add one. */
export function Standby() {
  const [open, setOpen] = useState(false);
  if (stage.value.standby) return <Badge kind="good">{t("studio.standby_ready")}</Badge>;
  return (
    <>
      <Button size="small" kind="quiet" icon="plus" onClick={() => setOpen(true)} data-testid="standby-add">
        {t("studio.standby_add")}
      </Button>
      <Sheet open={open} onClose={() => setOpen(false)} title={t("studio.standby_title")}>
        <div class="form">
          <p class="lead">{t("studio.standby_text")}</p>
          <CopyField
            label={t("studio.obs_server")}
            value={`${absolute(whipURL.value || "/whip")}?standby=1`}
            hint={t("studio.standby_hint")}
            testid="standby-url"
          />
        </div>
      </Sheet>
    </>
  );
}

interface Advice {
  what: Key;
  todo: Key;
  /** Only an encoder of its own can be told; of this page's, the browser decides. */
  encoder?: boolean;
}

const advice: Record<string, Advice> = {
  gop_too_long: { what: "studio.warn_gop", todo: "studio.warn_gop_todo", encoder: true },
  b_frames: { what: "studio.warn_b_frames", todo: "studio.warn_b_frames_todo", encoder: true },
  profile: { what: "studio.warn_profile", todo: "studio.warn_profile_todo", encoder: true },
  no_audio: { what: "studio.warn_no_audio", todo: "studio.warn_no_audio_todo" },
  bitrate_high: { what: "studio.warn_bitrate", todo: "studio.warn_bitrate_todo", encoder: true },
  frame_rate_high: { what: "studio.warn_fps", todo: "studio.warn_fps_todo", encoder: true },
  malformed: { what: "studio.warn_malformed", todo: "studio.warn_malformed_todo" },
};

/** Warnings tells what is wrong with the broadcast before viewers do. */
export function Warnings() {
  const own = air.value === "onair";
  const told = stage.value.warnings.filter((code) => advice[code] && !(own && advice[code].encoder));
  return (
    <div class="warnings" role="status">
      {told.length > 0 && (
        <ul>
          {told.map((code) => (
            <Warning key={code} code={code} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Warning({ code }: { code: string }) {
  const words = advice[code];
  if (!words) return null;
  return (
    <li data-testid="stage-warning" data-warning={code}>
      <Icon name="warn" />
      <p>
        <strong>{t(words.what)}</strong> {t(words.todo)}
      </p>
    </li>
  );
}

/** Bits per second as people speak of them. */
export function megabits(bitsPerSecond: number): string {
  if (bitsPerSecond <= 0) return "–";
  if (bitsPerSecond < 1_000_000) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`;
}
