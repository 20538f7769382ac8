// Orders as they come: whose, why, what they owe, and what HQ has to do.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { formatDuration, formatNumber, formatTime, type Key, shortOrder, t } from "../lib/i18n";
import type { Order } from "../lib/protocol";
import { Button, Empty, Money } from "../lib/ui";
import { useCommand } from "../lib/work/command";
import { reasonText } from "../lib/work/explain";
import { keepOrder, orders, ready, useServerNow } from "../lib/work/live";
import { isVoid, itemsOf, shippable } from "../lib/work/order";
import { Confirm } from "./confirm";
import { OrderSheet, OrderState, showOrder } from "./order";
import { Skeleton } from "./skeleton";
import { socket } from "./wire";

type Filter = "all" | "todo" | "ship" | "paid";
const filter = signal<Filter>("all");
const filters: Filter[] = ["all", "todo", "ship", "paid"];
const filterNames: Record<Filter, Key> = {
  all: "studio.orders_all",
  todo: "studio.orders_todo",
  ship: "studio.orders_ship",
  paid: "order.paid",
};

/** Orders is the orders tab. */
export function Orders() {
  if (!ready.value) return <Skeleton rows={5} />;
  const list = orders.value.filter(passes(filter.value));
  return (
    <div class="orders">
      <fieldset class="chips" aria-label={t("studio.orders_filter")}>
        {filters.map((f) => (
          <FilterChip key={f} of={f} />
        ))}
      </fieldset>
      {list.length === 0 ? (
        <Empty
          icon="receipt"
          title={t(filter.value === "all" ? "studio.orders_empty" : "studio.orders_none")}
        >
          {filter.value === "all" && t("studio.orders_empty_text")}
        </Empty>
      ) : (
        <ul class="order-list">
          {list.map((o) => (
            <Row key={o.id} order={o} />
          ))}
        </ul>
      )}
      <OrderSheet />
    </div>
  );
}

function FilterChip({ of }: { of: Filter }) {
  const n = orders.value.filter(passes(of)).length;
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={filter.value === of}
      onClick={() => {
        filter.value = of;
      }}
    >
      {t(filterNames[of])} <span class="count">{formatNumber(n)}</span>
    </button>
  );
}

/** "todo" is what waits for HQ's word: reserved orders paid by hand; "ship" what waits for a parcel. */
function passes(f: Filter): (o: Order) => boolean {
  if (f === "paid") return (o) => o.paid_ms > 0;
  if (f === "todo") return confirmable;
  if (f === "ship") return shippable;
  return () => true;
}

function confirmable(o: Order): boolean {
  return o.state === "reserved" && o.provider === "manual";
}

function Row({ order: o }: { order: Order }) {
  return (
    <li
      class="order"
      data-testid="order-row"
      data-order={o.id}
      data-state={o.state}
      data-distributor={o.distributor}
      data-distributor-id={o.distributor_id}
      data-commission={o.commission_minor}
    >
      <div class="order-line">
        <Money minor={o.total_minor} class="order-total" />
        <OrderState order={o} />
        <When order={o} />
      </div>
      <div class="order-line">
        <p class="order-items" title={itemsOf(o)}>
          {itemsOf(o)}
        </p>
        {o.commission_minor > 0 && !isVoid(o) && (
          <span class="order-commission">
            {t("studio.commission")} <Money minor={o.commission_minor} />
          </span>
        )}
      </div>
      <p class="order-whose">
        <strong>{o.distributor || t("studio.hq")}</strong>
        <span>{reasonText(o.reason)}</span>
      </p>
      <div class="order-line">
        <p class="order-items">
          {o.buyer} <span class="order-number">#{shortOrder(o.id)}</span>
        </p>
        <Button size="small" kind="quiet" onClick={() => showOrder(o.id)} data-testid="order-open">
          {t("studio.order_open")}
          <span class="visually-hidden"> #{shortOrder(o.id)}</span>
        </Button>
      </div>
      {o.state === "reserved" && <RowActions order={o} />}
    </li>
  );
}

/** The time left while one is running, else when the order came. */
function When({ order: o }: { order: Order }) {
  if (o.state === "reserved" && o.pay_by_ms > 0) return <TimeLeft until={o.pay_by_ms} />;
  return (
    <time class="order-time" dateTime={new Date(o.placed_ms).toISOString()}>
      {formatTime(o.placed_ms)}
    </time>
  );
}

/** Its own component, so that only waiting orders are drawn anew every second. */
function TimeLeft({ until }: { until: number }) {
  const left = until - useServerNow();
  return <span class="order-time is-left">{t("studio.pay_within", { time: formatDuration(left) })}</span>;
}

function RowActions({ order: o }: { order: Order }) {
  const [asking, setAsking] = useState(false);
  const confirm = useCommand();
  const take = () =>
    confirm.run(async () => {
      orders.value = keepOrder(orders.value, await socket.call("order.confirm", { id: o.id }));
    });
  return (
    <div class="order-actions">
      {confirmable(o) && (
        <Button
          size="small"
          kind="primary"
          icon="check"
          busy={confirm.busy}
          onClick={take}
          data-testid="order-confirm"
        >
          {t("studio.order_confirm")}
        </Button>
      )}
      <Button size="small" kind="quiet" onClick={() => setAsking(true)} data-testid="order-cancel">
        {t("studio.order_cancel")}
      </Button>
      <CancelOrder order={o} open={asking} onClose={() => setAsking(false)} />
    </div>
  );
}

function CancelOrder({ order: o, open, onClose }: { order: Order; open: boolean; onClose(): void }) {
  const cancel = useCommand({ quiet: true });
  const sure = async () => {
    const done = await cancel.run(async () => {
      orders.value = keepOrder(orders.value, await socket.call("order.cancel", { id: o.id }));
    });
    if (done) onClose();
  };
  return (
    <Confirm
      open={open}
      onClose={onClose}
      title={t("studio.order_cancel_title")}
      command={cancel}
      onSure={sure}
      keep={t("studio.order_keep")}
      word={t("studio.order_cancel")}
      danger
      testid="order-cancel-confirm"
    >
      <p>{t("studio.order_cancel_text", { buyer: o.buyer, number: shortOrder(o.id) })}</p>
    </Confirm>
  );
}
