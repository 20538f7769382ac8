// One order in full: what was bought, where it is, what can be done about it, and why it
// is whose it is.

import { computed, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { formatDateTime, type Key, shortOrder, t } from "../lib/i18n";
import type { Order } from "../lib/protocol";
import { Badge, Button, Money, OrderBadge, Sheet } from "../lib/ui";
import { Why } from "../lib/work/explain";
import { orders } from "../lib/work/live";
import { isPaid, lineName, providerName, shippable } from "../lib/work/order";
import { Deliver, Reassign, Refund, Ship } from "./order-do";
import { socket } from "./wire";

const shown = signal("");
const order = computed(() => orders.value.find((o) => o.id === shown.value));

/** showOrder opens an order's sheet. */
export function showOrder(id: string): void {
  shown.value = id;
}

/** OrderSheet follows the order it shows. */
export function OrderSheet() {
  const o = order.value;
  const close = () => showOrder("");
  return (
    <Sheet
      open={o !== undefined}
      onClose={close}
      title={o ? t("order.number", { number: shortOrder(o.id) }) : ""}
      footer={o && isPaid(o) && <Actions key={o.id} order={o} />}
      reading
      class="order-sheet"
      data-testid="order-sheet"
      data-order={o?.id}
    >
      {o && <Detail key={o.id} order={o} />}
    </Sheet>
  );
}

function Detail({ order: o }: { order: Order }) {
  return (
    <div class="order-detail">
      <p class="order-states">
        <OrderState order={o} />
        {isPaid(o) && <Fulfillment order={o} />}
        {o.late && <Badge kind="warn">{t("studio.order_late")}</Badge>}
      </p>
      <Lines order={o} />
      <Facts order={o} />
      <section aria-labelledby="why-title">
        <h3 id="why-title">{t("work.why_theirs")}</h3>
        <Why order={o} socket={socket} />
      </section>
    </div>
  );
}

/** OrderState says first what went wrong: that the order still waits shows in the time left. */
export function OrderState({ order: o }: { order: Order }) {
  if (o.state === "reserved" && o.payment_state === "failed") {
    return <Badge kind="bad">{t("studio.pay_failed")}</Badge>;
  }
  if (o.payment_state === "disputed") return <Badge kind="bad">{t("studio.disputed")}</Badge>;
  if (o.payment_state === "partially_refunded") return <Badge kind="warn">{t("studio.refunded_part")}</Badge>;
  return <OrderBadge state={o.state} />;
}

const whereabouts: Record<string, Key> = {
  partial: "order.partial",
  shipped: "order.shipped",
  delivered: "order.delivered",
  returned: "order.returned",
};

function Fulfillment({ order: o }: { order: Order }) {
  const key = whereabouts[o.fulfillment_state];
  return (
    <Badge kind={o.fulfillment_state === "delivered" ? "good" : "plain"}>
      {t(key ?? "order.unfulfilled")}
    </Badge>
  );
}

function Lines({ order: o }: { order: Order }) {
  return (
    <table class="order-table">
      <caption class="visually-hidden">{t("studio.order_lines")}</caption>
      <tbody>
        {o.lines.map((l) => (
          <tr key={l.sku}>
            <th scope="row">
              {lineName(l)}
              {l.refunded_qty > 0 && <small>{t("studio.line_refunded", { n: l.refunded_qty })}</small>}
            </th>
            <td>× {l.qty}</td>
            <td>
              <Money minor={l.net_minor + l.discount_minor} />
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <SumRow
          name={o.coupon ? t("studio.discount_by", { code: o.coupon }) : t("studio.discount")}
          minor={-o.discount_minor}
        />
        <SumRow name={o.shipping || t("studio.shipping")} minor={o.shipping_minor} />
        <SumRow name={t(o.tax_inclusive ? "studio.tax_inside" : "studio.tax")} minor={o.tax_minor} />
        <SumRow name={t("studio.total")} minor={o.total_minor} always />
        <SumRow name={t("studio.refunded")} minor={-o.refunded_minor} />
      </tfoot>
    </table>
  );
}

function SumRow({ name, minor, always = false }: { name: string; minor: number; always?: boolean }) {
  if (minor === 0 && !always) return null;
  return (
    <tr class={always ? "is-total" : ""}>
      <th scope="row" colSpan={2}>
        {name}
      </th>
      <td>
        <Money minor={minor} />
      </td>
    </tr>
  );
}

function Facts({ order: o }: { order: Order }) {
  const parcels = o.shipments.map((s) => [t("studio.parcel"), `${s.carrier} ${s.tracking}`.trim()]);
  const rows = [
    [t("studio.order_placed"), formatDateTime(o.placed_ms)],
    [t("studio.order_room"), o.room],
    [t("studio.order_buyer"), o.buyer],
    [t("studio.order_phone"), o.phone],
    [t("studio.order_email"), o.email],
    [t("studio.order_address"), o.address],
    [t("studio.order_provider"), providerName(o.provider)],
    ...parcels,
  ];
  return (
    <dl class="order-contact">
      {rows
        .filter(([, value]) => value)
        .map(([name, value], i) => (
          <div key={i}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

type Doing = "" | "ship" | "deliver" | "refund" | "reassign";

function Actions({ order: o }: { order: Order }) {
  const [doing, setDoing] = useState<Doing>("");
  const dialog = (which: Doing) => ({ order: o, open: doing === which, onClose: () => setDoing("") });
  const sent = o.state === "paid" && o.fulfillment_state === "shipped";
  return (
    <div class="order-do">
      {o.state !== "closed" && (
        <Button kind="danger" onClick={() => setDoing("refund")} data-testid="order-refund">
          {t("studio.refund")}
        </Button>
      )}
      <Button onClick={() => setDoing("reassign")} data-testid="order-reassign">
        {t("studio.reassign")}
      </Button>
      {shippable(o) && (
        <Button kind="primary" icon="send" onClick={() => setDoing("ship")} data-testid="order-ship">
          {t("studio.ship")}
        </Button>
      )}
      {sent && (
        <Button kind="primary" icon="check" onClick={() => setDoing("deliver")} data-testid="order-deliver">
          {t("studio.deliver")}
        </Button>
      )}
      <Ship {...dialog("ship")} />
      <Deliver {...dialog("deliver")} />
      <Refund {...dialog("refund")} />
      <Reassign {...dialog("reassign")} />
    </div>
  );
}
