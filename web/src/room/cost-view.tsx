// What an order costs: its items, the coupon, the ways to ship, and the sums, which are
// the server's.
import { t } from "../lib/i18n";
import { formatMoney } from "../lib/money";
import type { Method, Order, Quote } from "../lib/protocol";
import { Button, Field, Money } from "../lib/ui";
import { orderable, titleOf } from "./bag";
import { applyCoupon, checkout, coupon, form, formErrors, quote, quoted, setField } from "./checkout";

/** Items is what is being ordered. */
export function Items() {
  return (
    <section aria-label={t("room.checkout.items")}>
      <ul class="items">
        {orderable.value.map((line) => {
          const picture = line.item?.variant.picture || line.item?.product.picture;
          return (
            <li key={line.sku}>
              {picture && <img src={picture} alt="" width={44} height={44} />}
              <span class="item-title">
                {titleOf(line)} <span class="item-qty">× {line.qty}</span>
              </span>
              <Money minor={line.minor * line.qty} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Coupon is the field for a code, or the code that counts. */
export function Coupon() {
  const placing = checkout.value.at === "placing";
  if (coupon.value && quoted.value) {
    return (
      <p class="coupon is-applied" data-testid="coupon-applied">
        <span>{t("room.coupon.applied", { code: coupon.value.toUpperCase() })}</span>
        <Button size="small" kind="quiet" disabled={placing} onClick={() => applyCoupon("")}>
          {t("ui.remove")}
        </Button>
      </p>
    );
  }
  const code = form.value.coupon;
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key !== "Enter") return;
    e.preventDefault(); // the code, not the order
    applyCoupon(code);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter in the field does what the button does.
    <div class="coupon" onKeyDown={onKeyDown}>
      <Field
        label={t("room.coupon")}
        name="coupon"
        value={code}
        onInput={(value) => setField("coupon", value)}
        error={formErrors.value.coupon}
        disabled={placing}
        maxLength={40}
        autoComplete="off"
        autoCapitalize="characters"
        spellcheck={false}
        data-testid="checkout-coupon"
      />
      <Button
        disabled={placing || code.trim() === ""}
        busy={coupon.value !== "" && !quoted.value}
        onClick={() => applyCoupon(code)}
        data-testid="coupon-apply"
      >
        {t("room.coupon.apply")}
      </Button>
    </div>
  );
}

/** Shippings is the choice among the brand's ways to ship, where it has some. */
export function Shippings() {
  const ways = quote.value?.methods ?? [];
  if (ways.length === 0) return null;
  const now = form.value.shipping || quote.value?.shipping;
  return (
    <fieldset class="stack providers" disabled={checkout.value.at === "placing"}>
      <legend>{t("room.shipping")}</legend>
      {ways.map((way) => (
        <label key={way.id} class="provider">
          <input
            type="radio"
            name="shipping"
            value={way.id}
            checked={way.id === now}
            data-testid="shipping"
            onChange={() => setField("shipping", way.id)}
          />
          <span>
            <strong>{way.name}</strong>
            {way.free_over_minor > 0 && way.price_minor > 0 && <small>{freeFrom(way)}</small>}
          </span>
          <span class="provider-price">
            {way.price_minor === 0 ? t("room.shipping.free") : <Money minor={way.price_minor} />}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function freeFrom(way: Method): string {
  return t("room.shipping.free_from", { amount: formatMoney(way.free_over_minor, { short: true }) });
}

/** Sums is the quote, or the promise of one. */
export function Sums() {
  const q = quote.value;
  return (
    <div aria-live="polite" aria-busy={!quoted.value}>
      {q && <SumRows of={q} goods={q.gross_minor} ships={q.methods.length > 0} />}
    </div>
  );
}

/** OrderSums is what an order has cost. */
export function OrderSums({ order: o }: { order: Order }) {
  const goods = o.lines.reduce((sum, line) => sum + line.net_minor + line.discount_minor, 0);
  return <SumRows of={o} goods={goods} ships={o.shipping !== ""} refunded={o.refunded_minor} />;
}

type Costs = Pick<Quote, "discount_minor" | "shipping_minor" | "tax_minor" | "tax_inclusive" | "total_minor">;

function SumRows(p: { of: Costs; goods: number; ships: boolean; refunded?: number }) {
  const q = p.of;
  return (
    <dl class="sums" data-testid="sums" data-total={q.total_minor}>
      <Row name={t("room.sum.goods")} minor={p.goods} />
      {q.discount_minor > 0 && <Row name={t("room.sum.discount")} minor={-q.discount_minor} />}
      {p.ships && <Row name={t("room.shipping")} minor={q.shipping_minor} free />}
      {q.tax_minor > 0 && !q.tax_inclusive && <Row name={t("room.sum.tax")} minor={q.tax_minor} />}
      <Row name={t("room.bag.total")} minor={q.total_minor} class="is-total" />
      {q.tax_minor > 0 && q.tax_inclusive && (
        <Row name={t("room.sum.tax_inside")} minor={q.tax_minor} class="is-note" />
      )}
      {(p.refunded ?? 0) > 0 && <Row name={t("room.sum.refunded")} minor={-(p.refunded ?? 0)} />}
    </dl>
  );
}

function Row(p: { name: string; minor: number; class?: string; free?: boolean }) {
  return (
    <div class={p.class}>
      <dt>{p.name}</dt>
      <dd>{p.free && p.minor === 0 ? t("room.shipping.free") : <Money minor={p.minor} />}</dd>
    </div>
  );
}
