// The right column: chat of all rooms, orders, people. Each tab says how much came
// while one looked at another.

import { type Signal, signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber, type Key, t } from "../lib/i18n";
import { chat, orders, ready } from "../lib/work/live";
import { ChatPanel } from "./chat";
import { Orders } from "./orders";
import { People } from "./people";

type Tab = "chat" | "orders" | "people";
const tabs: { id: Tab; name: Key; Panel: ComponentType }[] = [
  { id: "chat", name: "studio.tab_chat", Panel: ChatPanel },
  { id: "orders", name: "studio.tab_orders", Panel: Orders },
  { id: "people", name: "studio.tab_people", Panel: People },
];

const current = signal<Tab>("chat");
/** Newest line and order already seen. */
const seenChat = signal(0);
const seenOrders = signal(0);

/** Side is the right column. */
export function Side() {
  const tab = current.value;
  useSeen("chat", chat.value.at(-1)?.seq ?? 0, seenChat);
  useSeen("orders", newestOrder(), seenOrders);
  return (
    <section class="panel side" aria-label={t("studio.side")}>
      <TabList />
      {/* All three stay mounted: a half-written answer and the place in a list survive a look elsewhere. */}
      {tabs.map(({ id, Panel }) => (
        <div
          key={id}
          class="side-body"
          role="tabpanel"
          id={`panel-${id}`}
          aria-labelledby={`tab-${id}`}
          hidden={id !== tab}
        >
          <Panel />
        </div>
      ))}
    </section>
  );
}

function TabList() {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (e: KeyboardEvent) => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    e.preventDefault();
    const at = tabs.findIndex((tab) => tab.id === current.value);
    const next = tabs.at((at + step) % tabs.length);
    if (!next) return;
    current.value = next.id;
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t("studio.side")} ref={list} onKeyDown={onKey}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={current.value === tab.id}
          aria-controls={`panel-${tab.id}`}
          tabIndex={current.value === tab.id ? 0 : -1}
          onClick={() => {
            current.value = tab.id;
          }}
          data-testid={`tab-${tab.id}`}
        >
          {t(tab.name)}
          <Unseen n={unseen(tab.id)} />
        </button>
      ))}
    </div>
  );
}

function Unseen({ n }: { n: number }) {
  if (n === 0) return null;
  return (
    <span class="unseen">
      {n > 99 ? "99+" : formatNumber(n)}
      <span class="visually-hidden"> {t("studio.unseen")}</span>
    </span>
  );
}

function unseen(tab: Tab): number {
  if (tab === current.value || tab === "people") return 0;
  if (tab === "chat") return chat.value.filter((l) => l.seq > seenChat.value && l.from !== "brand").length;
  return orders.value.filter((o) => o.placed_ms > seenOrders.value).length;
}

/** What is there when the page opens counts as seen, and so does what comes while the tab is open. */
function useSeen(tab: Tab, newest: number, seen: Signal<number>): void {
  const first = useRef(true);
  const known = ready.value; // as rendered: the effect runs later, when more may be known
  useEffect(() => {
    if (!known) return;
    if (first.current || current.value === tab) seen.value = newest;
    first.current = false;
  }, [known, newest, current.value]);
}

function newestOrder(): number {
  return orders.value.reduce((newest, o) => Math.max(newest, o.placed_ms), 0);
}
