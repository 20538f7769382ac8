// What this show has brought the distributor.

import type { ComponentChildren } from "preact";
import { formatNumber, formatPercent, t } from "../lib/i18n";
import { Money } from "../lib/ui";
import { distributors, totals, viewers } from "../lib/work/live";

/** Sums is the desk's first card. */
export function Sums() {
  const sum = totals.value;
  const rate = distributors.value[0]?.rate_bp ?? 0;
  return (
    <section class="sums" aria-label={t("desk.sums")}>
      <div class="sum is-main">
        <p class="sum-name">{t("desk.commission_pending")}</p>
        <p class="sum-value" data-testid="commission-pending" data-minor={sum.commission_minor}>
          <Money minor={sum.commission_minor} />
        </p>
        <p class="sum-note">{t("desk.rate", { rate: formatPercent(rate) })}</p>
      </div>
      <Sum name={t("desk.viewers")}>
        <span data-testid="viewers">{formatNumber(viewers.value)}</span>
      </Sum>
      <Sum name={t("desk.orders_paid")}>{formatNumber(sum.orders)}</Sum>
      <Sum name={t("desk.sales")}>
        <Money minor={sum.sales_minor} short />
      </Sum>
    </section>
  );
}

function Sum({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="sum">
      <p class="sum-name">{name}</p>
      <p class="sum-value">{children}</p>
    </div>
  );
}
