// Orders in words, for studio and desk.

import { formatNumber, t } from "../i18n";
import type { Order } from "../protocol";

/** What was ordered, on one line: 2 × Face cream, Lipstick. */
export function itemsOf(o: Order): string {
  return o.lines
    .map((l) => (l.qty > 1 ? `${formatNumber(l.qty)} × ${l.title}` : l.title))
    .join(t("work.list_comma"));
}

/** How it is or was paid. */
export function providerName(provider: string): string {
  if (provider === "manual") return t("work.provider_manual");
  if (provider === "demo") return t("work.provider_demo");
  return provider;
}
