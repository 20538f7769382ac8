// The small menu of how much picture a viewer wants, and what stands in for the picture
// while there is none: HQ's slate, and the calm face of sound alone.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Key, t } from "../lib/i18n";
import type { Wish } from "../lib/player";
import { Avatar, Button, Icon, IconButton } from "../lib/ui";
import { brand, choosePicture, player } from "./show";

const wishes: [Wish, Key, Key][] = [
  ["auto", "room.picture.auto", "room.picture.auto.text"],
  ["low", "room.picture.low", "room.picture.low.text"],
  ["off", "room.picture.off", "room.picture.off.text"],
];

/** PictureMenu is a button of the top line and the three choices below it; children follow them. */
export function PictureMenu({ children }: { children?: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLInputElement>(":checked")?.focus();
    const outside = (e: Event) => box.current?.contains(e.target as Node) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  const chosen = wishes.find(([wish]) => wish === player.wish.value) ?? wishes[0];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what the button inside opened.
    <div ref={box} class="picture-menu" onKeyDown={(e) => open && e.key === "Escape" && close()}>
      <IconButton
        icon="tune"
        label={`${t("room.picture")}: ${chosen ? t(chosen[1]) : ""}`}
        class="on-glass"
        aria-expanded={open}
        data-testid="picture-menu"
        data-wish={player.wish.value}
        onClick={() => setOpen(!open)}
      />
      {open && (
        <div class="picture-box">
          <Choices onChosen={close} />
          {children}
        </div>
      )}
    </div>
  );
}

function Choices({ onChosen }: { onChosen(): void }) {
  return (
    <fieldset>
      <legend>{t("room.picture")}</legend>
      {wishes.map(([wish, name, text]) => (
        <label key={wish}>
          {/* Arrow keys click too (detail 0): they walk through the choices, a pointer or Enter closes the menu. */}
          <input
            type="radio"
            name="picture"
            value={wish}
            checked={wish === player.wish.value}
            data-testid={`picture-${wish}`}
            onClick={(e) => {
              choosePicture(wish);
              if (e.detail > 0) onChosen();
            }}
            onKeyDown={(e) => {
              if (e.key !== "Enter") return;
              e.preventDefault(); // else it would press the button that gets the focus
              onChosen();
            }}
          />
          <span>{t(name)}</span>
          <small>{t(text)}</small>
        </label>
      ))}
    </fieldset>
  );
}

/** TapSound asks for the tap without which browsers play no sound, while there is none. */
export function TapSound({ class: extra = "" }: { class?: string }) {
  if (!player.muted.value && !player.needsTap.value) return null;
  return (
    <button
      type="button"
      class={`tap-sound ${extra}`}
      data-testid="tap-sound"
      onClick={() => player.setMuted(false)}
    >
      <span class="tap-label">
        <Icon name={player.needsTap.value ? "sound" : "muted"} />
        {t(player.needsTap.value ? "room.sound.play" : "room.sound.tap")}
      </span>
    </button>
  );
}

/** Slate lies over the last frame while nothing comes from HQ. */
export function Slate() {
  return (
    <div class="screen slate" role="status" data-testid="slate">
      <span class="slate-mark">
        <Avatar name={brand.value.name} />
      </span>
      <h2>{t("room.away.title", { name: brand.value.name })}</h2>
      <p>{t("room.away.text")}</p>
    </div>
  );
}

/** Listening stands in for a picture that is not wanted, or does not fit through the network. */
export function Listening() {
  const chosen = player.wish.value === "off";
  return (
    <div class="screen listening" role="status" data-testid="listening">
      <span
        class="wave"
        aria-hidden="true"
        data-still={player.muted.value || player.state.value === "stalled"}
      >
        <i />
        <i />
        <i />
        <i />
        <i />
      </span>
      <h2>{brand.value.name}</h2>
      <p>{t(chosen ? "room.listening.chosen" : "room.listening.thin")}</p>
      <div class="listening-tools">
        <TapSound />
        {chosen && (
          <Button kind="quiet" icon="image" onClick={() => choosePicture("auto")}>
            {t("room.listening.show")}
          </Button>
        )}
      </div>
    </div>
  );
}
