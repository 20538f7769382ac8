// Stage keys for OBS and other encoders: made here, shown once.

import { useState } from "preact/hooks";
import { t } from "../lib/i18n";
import type { StageKey } from "../lib/protocol";
import { Button, Field, Sheet } from "../lib/ui";
import { useCommand } from "../lib/work/command";
import { absolute, CopyField } from "../lib/work/copy";
import { whipURL } from "../lib/work/live";
import { socket } from "./wire";

/** KeySheet tells how to publish with OBS and makes the key. */
export function KeySheet({ open, onClose }: { open: boolean; onClose(): void }) {
  const [key, setKey] = useState<StageKey | null>(null);
  const close = () => {
    setKey(null); // it is shown once
    onClose();
  };
  return (
    <Sheet open={open} onClose={close} title={t("studio.obs_title")}>
      <div class="form">
        <p class="lead">{t("studio.obs_text")}</p>
        <CopyField
          label={t("studio.obs_server")}
          value={absolute(key?.whip_url ?? (whipURL.value || "/whip"))}
        />
        {key ? (
          <>
            <CopyField
              label={t("studio.obs_key")}
              value={key.key}
              hint={t("studio.obs_once")}
              testid="stage-key-value"
            />
            <Button kind="primary" onClick={close}>
              {t("studio.obs_done")}
            </Button>
          </>
        ) : (
          <NewKey onMade={setKey} />
        )}
      </div>
    </Sheet>
  );
}

function NewKey({ onMade }: { onMade(key: StageKey): void }) {
  const [label, setLabel] = useState("OBS");
  const make = useCommand({ quiet: true });
  const submit = async (e: Event) => {
    e.preventDefault();
    if (make.busy) return;
    await make.run(async () => onMade(await socket.call("stage.key", { label: label.trim() || "OBS" })));
  };
  return (
    <form class="form-line" onSubmit={submit}>
      <Field
        label={t("studio.obs_label")}
        value={label}
        onInput={setLabel}
        maxLength={40}
        hint={t("studio.obs_label_hint")}
        error={make.error}
      />
      <Button type="submit" kind="primary" icon="key" busy={make.busy} data-testid="stage-key-create">
        {t("studio.obs_make")}
      </Button>
    </form>
  );
}
