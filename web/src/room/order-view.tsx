// One order as its buyer sees it, following its state live.
import { useState } from "preact/hooks";
import { formatDuration, t } from "../lib/i18n";
import { formatMoney } from "../lib/money";
import type { Order } from "../lib/protocol";
import { Avatar, Button, Icon, type IconName, Money, OrderBadge, useNow } from "../lib/ui";
import { cancel, closeCheckout, pay } from "./checkout";
import { providerName } from "./checkout-view";
import { OrderSums } from "./cost-view";
import { brand, nameOf, room, socket } from "./show";

/** OrderResult is the receipt: state, who looks after it, what was ordered. */
export function OrderResult({ order }: { order: Order }) {
  return (
    <div class="result" data-testid="order-result" data-order={order.id} data-state={order.state}>
      <div class="result-head" role="alert" data-state={order.state}>
        <Headline order={order} />
      </div>
      <Host order={order} />
      <ul class="items">
        {order.lines.map((line) => (
          <li key={line.sku}>
            <span class="item-title">
              {nameOf(line, { name: line.variant })} <span class="item-qty">× {line.qty}</span>
            </span>
            <Money minor={line.net_minor + line.discount_minor} />
          </li>
        ))}
      </ul>
      <OrderSums order={order} />
      <Parcels order={order} />
      {order.address && (
        <p class="result-address">
          {order.buyer} · {order.phone || order.email}
          <br />
          {order.address}
        </p>
      )}
      <a class="order-page" href={order.page_url} target="_blank" rel="noopener" data-testid="order-page">
        <Icon name="receipt" />
        {t("room.order.page")}
      </a>
      {order.state === "reserved" && <CancelOrder id={order.id} />}
    </div>
  );
}

function Headline({ order }: { order: Order }) {
  switch (order.state) {
    case "paid":
    case "completed":
      return <Head icon="check" title={t("room.result.paid")} />;
    case "closed":
      return <Head icon="back" title={t("room.result.closed")} />;
    case "reserved":
      return (
        <>
          <Head icon="receipt" title={t("room.result.title")} />
          <OrderBadge state="reserved" />
          <Hold order={order} />
          {order.payment_state === "failed" && <p class="field-error">{t("room.result.failed")}</p>}
          {order.provider === "manual" && <p>{t("room.result.manual", { brand: brand.value.name })}</p>}
        </>
      );
    case "cancelled":
      return <Head icon="close" title={t("room.result.cancelled")} />;
    default:
      return (
        <>
          <Head icon="close" title={t("room.result.expired")} />
          <p>{t("room.result.expired.text")}</p>
        </>
      );
  }
}

function Head({ icon, title }: { icon: IconName; title: string }) {
  return (
    <>
      <span class="result-mark">
        <Icon name={icon} />
      </span>
      <h3>{title}</h3>
    </>
  );
}

/** Parcels is where the goods are, once they are on their way. */
function Parcels({ order }: { order: Order }) {
  if (order.shipments.length === 0) return null;
  const arrived = order.fulfillment_state === "delivered";
  return (
    <div class="parcels" data-testid="parcels">
      <p>
        <strong>{t(arrived ? "order.delivered" : "order.shipped")}</strong>
      </p>
      {order.shipments.map((s) => (
        <p key={s.at}>
          {s.carrier} <span class="tracking">{s.tracking}</span>
        </p>
      ))}
    </div>
  );
}

// The clock must not be read out every second: it is no part of the alert.
function Hold({ order }: { order: Order }) {
  const now = useNow();
  const left = order.pay_by_ms - now.value - socket.clockSkewMs.value;
  return (
    <p class="hold" role="timer" aria-live="off">
      {t("room.result.countdown", { time: formatDuration(left) })}
    </p>
  );
}

function Host({ order }: { order: Order }) {
  const name = order.distributor || brand.value.name;
  const place = order.room || room.value.name;
  return (
    <div class="host">
      <Avatar name={name} />
      <p>
        <strong>{t(order.distributor ? "room.result.by" : "room.result.by_brand", { name })}</strong>
        {place !== name && <small>{place}</small>}
      </p>
    </div>
  );
}

function CancelOrder({ id }: { id: string }) {
  const [sure, setSure] = useState(false);
  return (
    <Button
      kind={sure ? "danger" : "quiet"}
      onClick={() => (sure ? void cancel(id) : setSure(true))}
      data-testid="order-cancel"
    >
      {sure ? t("room.order.cancel.sure") : t("room.order.cancel")}
    </Button>
  );
}

/** OrderFoot holds the one thing to do next. */
export function OrderFoot({ order }: { order: Order }) {
  const payable = order.state === "reserved";
  const total = formatMoney(order.total_minor);
  return (
    <div class="place">
      {payable && order.pay_url && order.payment_state !== "failed" && (
        <a
          class="button is-primary is-large is-wide"
          href={order.pay_url}
          target="_blank"
          rel="noopener"
          data-testid="pay-link"
        >
          {t("room.result.pay", { total })}
        </a>
      )}
      {payable && <OtherWays order={order} />}
      {!payable && (
        <Button kind="primary" size="large" class="is-wide" onClick={closeCheckout}>
          {t("room.result.on")}
        </Button>
      )}
    </div>
  );
}

// A declined payment can be tried again; another provider can be chosen at any time.
function OtherWays({ order }: { order: Order }) {
  const failed = order.payment_state === "failed";
  const ways = brand.value.providers.filter((p) => failed || p !== order.provider);
  return (
    <div class="other-ways">
      {ways.map((provider) => (
        <Button
          key={provider}
          kind={failed && provider === order.provider ? "primary" : "quiet"}
          onClick={() => void pay(order.id, provider)}
          data-testid={`repay-${provider}`}
        >
          {failed && provider === order.provider
            ? t("room.result.again")
            : t("room.result.switch", { way: providerName(provider) })}
        </Button>
      ))}
    </div>
  );
}
