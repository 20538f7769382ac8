// The top bar: what state the show is in, what it has brought, and how to start and end it.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { formatDuration, formatNumber, t } from "../lib/i18n";
import { Badge, Button, IconButton, LangSwitch, Money, Sheet } from "../lib/ui";
import { useCommand } from "../lib/work/command";
import { brand, person, ready, show, totals, useServerNow, viewers } from "../lib/work/live";
import { signOut } from "../lib/work/signout";
import { socket } from "./wire";

/** TopBar is the studio's header. */
export function TopBar() {
  return (
    <header class="bar">
      <h1 class="bar-brand">
        <strong>{brand.value.name || "Shopcast"}</strong> <span>{t("studio.title")}</span>
      </h1>
      {ready.value && <ShowState />}
      <Figures />
      <div class="bar-me">
        <LangSwitch />
        <span class="bar-person" title={person.value}>
          {person.value}
        </span>
        <IconButton icon="signout" label={t("work.sign_out")} onClick={() => void signOut()} />
      </div>
    </header>
  );
}

function ShowState() {
  const { state } = show.value;
  return (
    <div class="bar-show" data-state={state}>
      {state === "live" ? <LiveShow /> : <NextShow key={show.value.id} />}
    </div>
  );
}

function LiveShow() {
  const [asking, setAsking] = useState(false);
  const elapsed = useServerNow() - show.value.started_ms;
  return (
    <>
      <Badge kind="live">{t("studio.live")}</Badge>
      <time class="bar-clock">{formatDuration(elapsed)}</time>
      <span class="bar-title" title={show.value.title}>
        {show.value.title}
      </span>
      <Button size="small" icon="stop" onClick={() => setAsking(true)} data-testid="show-end">
        {t("studio.end_show")}
      </Button>
      <EndShow open={asking} onClose={() => setAsking(false)} />
    </>
  );
}

/** Ending cannot be undone and closes every room's checkout, so it is asked twice. */
function EndShow({ open, onClose }: { open: boolean; onClose(): void }) {
  const end = useCommand({ quiet: true });
  const confirm = async () => {
    const ended = await end.run(async () => {
      show.value = await socket.call("show.end", {});
    });
    if (ended) onClose();
  };
  const footer = (
    <>
      <Button onClick={onClose}>{t("studio.end_keep")}</Button>
      <Button kind="danger" icon="stop" busy={end.busy} onClick={confirm} data-testid="show-end-confirm">
        {t("studio.end_confirm")}
      </Button>
    </>
  );
  return (
    <Sheet open={open} onClose={onClose} title={t("studio.end_title")} footer={footer} class="is-narrow">
      <p>{t("studio.end_text", { n: viewers.value })}</p>
      {end.error && (
        <p class="field-error" role="alert">
          {end.error}
        </p>
      )}
    </Sheet>
  );
}

function NextShow() {
  const { state, title: last } = show.value;
  const [title, setTitle] = useState(last);
  const start = useCommand();
  const begin = async (e: Event) => {
    e.preventDefault();
    if (start.busy) return;
    await start.run(async () => {
      const name = title.trim() || t("studio.show_default");
      show.value = await socket.call("show.start", { title: name });
    });
  };
  return (
    <form class="bar-next" onSubmit={begin}>
      <Badge>{t(state === "ended" ? "studio.ended" : "studio.draft")}</Badge>
      <input
        type="text"
        class="bar-input"
        value={title}
        maxLength={80}
        onInput={(e) => setTitle(e.currentTarget.value)}
        placeholder={t("studio.show_default")}
        aria-label={t("studio.show_title")}
      />
      <Button type="submit" kind="primary" size="small" busy={start.busy} data-testid="show-start">
        {t("studio.start_show")}
      </Button>
    </form>
  );
}

function Figures() {
  const sum = totals.value;
  return (
    <dl class="figures" aria-busy={!ready.value || undefined}>
      <Figure name={t("studio.online")}>{formatNumber(viewers.value)}</Figure>
      <Figure name={t("studio.takings")}>
        <Money minor={sum.sales_minor} short />
      </Figure>
      <Figure name={t("studio.orders_paid")}>{formatNumber(sum.orders)}</Figure>
      <Figure name={t("studio.commission")}>
        <Money minor={sum.commission_minor} short />
      </Figure>
    </dl>
  );
}

function Figure({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>{ready.value ? children : "–"}</dd>
    </div>
  );
}
