// Orders in words, for studio and desk.

import { formatNumber, t } from "../i18n";
import type { Order, OrderLine } from "../protocol";

/** What was ordered, on one line: 2 × Face cream, Lipstick. */
export function itemsOf(o: Order): string {
  return o.lines
    .map((l) => (l.qty > 1 ? `${formatNumber(l.qty)} × ${lineName(l)}` : lineName(l)))
    .join(t("work.list_comma"));
}

/** How it is or was paid. */
export function providerName(provider: string): string {
  if (provider === "manual") return t("work.provider_manual");
  if (provider === "demo") return t("work.provider_demo");
  if (provider === "stripe") return t("work.provider_stripe");
  if (provider === "free") return t("work.provider_free");
  return provider;
}

/** What a line is called: Cloud Cream, 50 g. */
export function lineName(l: OrderLine): string {
  return l.variant ? `${l.title}, ${l.variant}` : l.title;
}

/** The order came to nothing: neither money nor commission will come of it. */
export function isVoid(o: Order): boolean {
  return o.state === "expired" || o.state === "cancelled";
}

/** The money is there, or was. */
export function isPaid(o: Order): boolean {
  return o.paid_ms > 0;
}

/** There are goods to send: it is paid, and not all of it has left. */
export function shippable(o: Order): boolean {
  return o.state === "paid" && (o.fulfillment_state === "unfulfilled" || o.fulfillment_state === "partial");
}
