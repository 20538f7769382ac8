// The checkout form. What changed meanwhile is said here and accepted by hand.
import { useEffect, useRef } from "preact/hooks";
import { shortOrder, t, tCode } from "../lib/i18n";
import { formatMoney } from "../lib/money";
import { Button, Field, Money, Sheet } from "../lib/ui";
import { orderable, setQuantity, titleOf } from "./bag";
import {
  acceptPrices,
  checkout,
  checkoutOpen,
  closeCheckout,
  type Form,
  form,
  formErrors,
  place,
  priceChanges,
  quote,
  quoted,
  refusal,
  setField,
  shortLines,
  shownOrder,
} from "./checkout";
import { Coupon, Items, Shippings, Sums } from "./cost-view";
import { OrderFoot, OrderResult } from "./order-view";
import { brand, socket } from "./show";

const formId = "checkout-form";

/** CheckoutSheet shows the form, the wait, and then the order. */
export function CheckoutSheet() {
  const { at } = checkout.value;
  const order = shownOrder.value;
  if (at === "order") {
    return (
      <Sheet
        open={checkoutOpen.value}
        onClose={closeCheckout}
        title={order ? t("order.number", { number: shortOrder(order.id) }) : ""}
        footer={order && <OrderFoot order={order} />}
        class="checkout-sheet"
      >
        {order && <OrderResult order={order} />}
      </Sheet>
    );
  }
  return (
    <Sheet
      open={checkoutOpen.value}
      onClose={closeCheckout}
      title={t("room.checkout.title")}
      footer={<PlaceButton />}
      class="checkout-sheet"
      data-testid="checkout-sheet"
    >
      <CheckoutForm />
    </Sheet>
  );
}

function PlaceButton() {
  const placing = checkout.value.at === "placing";
  const waiting = placing && socket.state.value !== "open";
  // A line that wants more than there is must be settled by hand: dropping it silently would surprise.
  const over = shortLines.value.some((line) => line.state === "over");
  const known = quoted.value && quote.value;
  const blocked = !known || priceChanges.value.length > 0 || over || orderable.value.length === 0;
  return (
    <div class="place">
      <Button
        kind="primary"
        size="large"
        class="is-wide"
        type="submit"
        form={formId}
        busy={placing}
        disabled={blocked && !placing}
        data-testid="place-order"
      >
        {placing
          ? t("room.checkout.placing")
          : known
            ? t("room.checkout.place", { total: formatMoney(known.total_minor) })
            : t("room.checkout.reckoning")}
      </Button>
      <p class="place-note" role="status">
        {waiting ? t("room.checkout.queued") : t("room.checkout.hold")}
      </p>
    </div>
  );
}

function CheckoutForm() {
  const ref = useRef<HTMLFormElement>(null);
  const wrong = formErrors.value;
  // A refusal may name a field: bring the first wrong one into view.
  useEffect(() => {
    ref.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [wrong]);
  const submit = (e: Event) => {
    e.preventDefault();
    place();
  };
  return (
    <form ref={ref} id={formId} class="checkout" onSubmit={submit} noValidate>
      <Notices />
      <Items />
      <Coupon />
      <Sums />
      <fieldset class="stack" disabled={checkout.value.at === "placing"}>
        <legend>{t("room.checkout.contact")}</legend>
        <FormField name="name" label={t("room.checkout.name")} autoComplete="name" maxLength={80} />
        <FormField
          name="phone"
          label={t("room.checkout.phone")}
          type="tel"
          autoComplete="tel"
          inputMode="tel"
          maxLength={32}
        />
        <FormField
          name="email"
          label={t("room.checkout.email")}
          type="email"
          autoComplete="email"
          inputMode="email"
          maxLength={120}
          hint={t("room.checkout.reach")}
        />
        <FormField
          name="address"
          label={t("room.checkout.address")}
          autoComplete="street-address"
          maxLength={500}
          rows={2}
        />
      </fieldset>
      <Shippings />
      <Providers />
    </form>
  );
}

type FormFieldProps = Omit<Parameters<typeof Field>[0], "name" | "value" | "onInput" | "error"> & {
  name: keyof Form;
};

function FormField({ name, ...rest }: FormFieldProps) {
  return (
    <Field
      {...rest}
      name={name}
      value={form.value[name]}
      onInput={(value) => setField(name, value)}
      error={formErrors.value[name]}
      data-testid={`checkout-${name}`}
      required={name === "name" || name === "address"}
    />
  );
}

// ---- what changed since the buyer looked

function Notices() {
  const said = refusal.value;
  return (
    <div class="notices" role="alert">
      {priceChanges.value.length > 0 && <PriceNotice />}
      {shortLines.value.map((line) => {
        const title = titleOf(line);
        const n = line.item?.variant.available ?? 0;
        return (
          <div key={line.sku} class="notice">
            <p>{n > 0 ? t("room.checkout.stock", { title, n }) : t("room.checkout.stock.gone", { title })}</p>
            <Button size="small" onClick={() => void setQuantity(line.sku, line.state === "over" ? n : 0)}>
              {line.state === "over" ? t("room.checkout.take", { n }) : t("ui.remove")}
            </Button>
          </div>
        );
      })}
      {said && priceChanges.value.length === 0 && shortLines.value.length === 0 && (
        <p class="notice">{refusalText(said.code, said.field)}</p>
      )}
    </div>
  );
}

/** A refusal may name the SKU it is about. */
function refusalText(code: string, field: string): string {
  const line = orderable.value.find((l) => l.sku === field);
  if (line) return `${titleOf(line)}: ${tCode(code)}`;
  return code === "out_of_stock" ? t("room.checkout.stock.some") : tCode(code);
}

function PriceNotice() {
  return (
    <div class="notice is-prices">
      <h3>{t("room.checkout.price.title")}</h3>
      <p>{t("room.checkout.price.text")}</p>
      <ul>
        {priceChanges.value.map(({ line, was, is }) => (
          <li key={line.sku}>
            <span>{titleOf(line)}</span>
            <s>
              <Money minor={was ?? 0} />
            </s>
            <strong>
              <Money minor={is} />
            </strong>
          </li>
        ))}
      </ul>
      <Button kind="primary" size="small" onClick={acceptPrices} data-testid="accept-prices">
        {t("room.checkout.price.accept")}
      </Button>
    </div>
  );
}

// ---- ways to pay

const known = ["manual", "demo", "stripe"] as const;
type Known = (typeof known)[number];

/** providerName says a payment provider in the buyer's words. */
export function providerName(provider: string): string {
  return known.includes(provider as Known) ? t(`room.pay.${provider as Known}`) : provider;
}

function Providers() {
  return (
    <fieldset class="stack providers" disabled={checkout.value.at === "placing"}>
      <legend>{t("room.checkout.pay")}</legend>
      {brand.value.providers.map((provider) => (
        <label key={provider} class="provider">
          <input
            type="radio"
            name="provider"
            value={provider}
            checked={form.value.provider === provider}
            data-testid={`pay-${provider}`}
            onChange={() => setField("provider", provider)}
          />
          <span>
            <strong>{providerName(provider)}</strong>
            {known.includes(provider as Known) && <small>{t(`room.pay.${provider as Known}.text`)}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
