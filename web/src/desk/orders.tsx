// The orders that are this distributor's, and why.

import { computed, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { formatNumber, formatTime, shortOrder, t } from "../lib/i18n";
import type { Order } from "../lib/protocol";
import { Button, copyText, Empty, Money, OrderBadge, Sheet } from "../lib/ui";
import { absolute } from "../lib/work/copy";
import { Why } from "../lib/work/explain";
import { orders, rooms } from "../lib/work/live";
import { isPaid, isVoid, itemsOf } from "../lib/work/order";
import { socket } from "./wire";

/** More than these are behind a button, so that on a phone the chat is not a mile away. */
const atFirst = 8;

/** Orders is the list, newest first. */
export function Orders() {
  const [all, setAll] = useState(false);
  const list = orders.value;
  const link = rooms.value[0]?.link;
  return (
    <section class="card orders" aria-labelledby="orders-title">
      <h2 id="orders-title">
        {t("desk.orders")} {list.length > 0 && <span class="count">{formatNumber(list.length)}</span>}
      </h2>
      {list.length === 0 ? (
        <Empty icon="share" title={t("desk.orders_empty")}>
          <p>{t("desk.orders_empty_text")}</p>
          {link && (
            <Button icon="copy" onClick={() => void copyText(absolute(link))}>
              {t("desk.copy")}
            </Button>
          )}
        </Empty>
      ) : (
        <ul class="order-list">
          {(all ? list : list.slice(0, atFirst)).map((o) => (
            <Row key={o.id} order={o} />
          ))}
        </ul>
      )}
      <OrderSheet />
      {!all && list.length > atFirst && (
        <Button class="order-all" kind="quiet" icon="down" onClick={() => setAll(true)}>
          {t("desk.orders_all", { n: list.length })}
        </Button>
      )}
    </section>
  );
}

function Row({ order: o }: { order: Order }) {
  return (
    <li
      class={`order ${isVoid(o) ? "is-void" : ""}`}
      data-testid="order-row"
      data-order={o.id}
      data-state={o.state}
      data-commission={o.commission_minor}
    >
      <div class="order-line">
        <strong class="order-buyer">{o.buyer}</strong>
        <OrderBadge state={o.state} />
        <Money minor={o.total_minor} class="order-total" />
      </div>
      <div class="order-line is-second">
        <p class="order-items">{itemsOf(o)}</p>
        <Commission order={o} />
      </div>
      <p class="order-why">
        <button type="button" class="order-ask" onClick={() => showOrder(o.id)} data-testid="order-open">
          {t(`desk.reason_${reasonKey(o.reason)}`)}
          <span class="visually-hidden">
            {" "}
            · {t("desk.why_mine")} #{shortOrder(o.id)}
          </span>
        </button>
        <span class="order-when">
          #{shortOrder(o.id)} ·{" "}
          <time dateTime={new Date(o.placed_ms).toISOString()}>{formatTime(o.placed_ms)}</time>
        </span>
      </p>
    </li>
  );
}

/** Money that may yet come is grey; money that is earned is not; money that will not come is not shown. */
function Commission({ order: o }: { order: Order }) {
  if (isVoid(o)) return null;
  return (
    <span class={`order-commission ${isPaid(o) ? "is-earned" : ""}`}>
      {t(isPaid(o) ? "desk.commission_of" : "desk.commission_if_paid")} <Money minor={o.commission_minor} />
    </span>
  );
}

const reasons = ["customer_lock", "touch_lock", "this_visit"] as const;

function reasonKey(reason: string): (typeof reasons)[number] | "other" {
  return reasons.find((r) => r === reason) ?? "other";
}

// ---- one order: why it is theirs

const shown = signal("");
const order = computed(() => orders.value.find((o) => o.id === shown.value));

function showOrder(id: string): void {
  shown.value = id;
}

function OrderSheet() {
  const o = order.value;
  return (
    <Sheet
      open={o !== undefined}
      onClose={() => showOrder("")}
      title={t("desk.why_mine")}
      reading
      class="order-sheet"
      data-testid="order-sheet"
      data-order={o?.id}
    >
      {o && (
        <div class="order-detail">
          <p class="order-states">
            <strong>{o.buyer}</strong> #{shortOrder(o.id)} <OrderBadge state={o.state} />
            <Money minor={o.total_minor} class="order-total" />
          </p>
          <Why key={o.id} order={o} socket={socket} />
        </div>
      )}
    </Sheet>
  );
}
