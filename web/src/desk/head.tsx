// Whose desk it is and whether HQ is live.

import { formatDuration, t } from "../lib/i18n";
import { Avatar, Badge, IconButton, LangSwitch } from "../lib/ui";
import { brand, distributors, ready, show, useServerNow } from "../lib/work/live";
import { signOut } from "../lib/work/signout";

/** Head is the desk's top. */
export function Head() {
  const own = distributors.value[0];
  return (
    <header class="desk-head">
      <div class="desk-who">
        <Avatar name={own?.name ?? brand.value.name} />
        <div class="desk-names">
          <h1 title={own?.name}>{own?.name ?? t("desk.title")}</h1>
          <p>{brand.value.name}</p>
        </div>
        <LangSwitch />
        <IconButton icon="signout" label={t("work.sign_out")} onClick={() => void signOut()} />
      </div>
      {ready.value && <ShowLine />}
      {own?.state === "suspended" && <p class="desk-suspended">{t("desk.suspended")}</p>}
    </header>
  );
}

function ShowLine() {
  const { state, title } = show.value;
  return (
    <p class="desk-show" role="status" data-state={state}>
      {state === "live" ? (
        <Badge kind="live">{t("desk.live")}</Badge>
      ) : (
        <Badge>{t(`desk.show_${state === "ended" ? "ended" : "draft"}`)}</Badge>
      )}
      <span class="desk-show-title">{title}</span>
      {state === "live" && <Elapsed />}
    </p>
  );
}

function Elapsed() {
  return (
    <time class="desk-clock" aria-hidden="true">
      {formatDuration(useServerNow() - show.value.started_ms)}
    </time>
  );
}
