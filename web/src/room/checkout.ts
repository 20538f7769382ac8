// The checkout and the order on show.
//
//   closed ──open──► form ──place──► placing ──answer──► order
//                     ▲                 │ refused: the form says why
//                     └─────────────────┘
//
// The idempotency key is made when the form opens and lives until its answer: it is
// kept with the whole body, so that a reload in between asks the same question again
// and gets the same order. A refusal used the key up; the next try is a new intent.
import { batch, computed, effect, signal } from "@preact/signals";
import { readBoot } from "../lib/boot";
import { t, tCode } from "../lib/i18n";
import type { CheckoutLine, CheckoutPlace, Order, Quote, QuoteAsk } from "../lib/protocol";
import { CallError } from "../lib/socket";
import { recall, remember } from "../lib/storage";
import { toast } from "../lib/ui";
import { newKey } from "../lib/ulid";
import { bag, orderable } from "./bag";
import { brand, cart, orders, setOrder, socket } from "./show";

export interface Form {
  name: string;
  phone: string;
  email: string;
  address: string;
  provider: string;
  coupon: string;
  shipping: string;
}
export type FormErrors = Partial<Record<keyof Form, string>>;

type At = { at: "closed" } | { at: "form" } | { at: "placing" } | { at: "order"; id: string };

export const checkout = signal<At>({ at: "closed" });
/** Whether the sheet is up. An order on its way goes on without it and brings it back with its answer. */
export const checkoutOpen = signal(false);
export const form = signal<Form>({
  name: "",
  phone: "",
  email: "",
  address: "",
  provider: "",
  coupon: "",
  shipping: "",
});
export const formErrors = signal<FormErrors>({});
/** Why the server refused the last try: its code and the field or SKU it named. */
export const refusal = signal<{ code: string; field: string; ofQuote?: boolean } | null>(null);
/** sku → the price the buyer has seen and not objected to. */
const seen = signal(new Map<string, number>());
let key = "";
let sending = false; // an order awaits its answer: there must not be a second one beside it
const pendingName = `pending:${readBoot().room.slug}`;

/** The order on show, living on with every push. */
export const shownOrder = computed(() => {
  const now = checkout.value;
  return now.at === "order" ? orders.value.find((o) => o.id === now.id) : undefined;
});

/** Lines whose price is no longer the one the buyer saw. */
export const priceChanges = computed(() =>
  orderable.value
    .map((line) => ({ line, was: seen.value.get(line.sku), is: line.minor }))
    .filter((change) => change.was !== undefined && change.was !== change.is),
);

/** Lines that are in the bag but not to be had in that quantity. */
export const shortLines = computed(() => bag.value.filter((line) => line.state !== "fine"));

// ---- what it costs: the server reckons

/** The coupon that counts; what stands in the field may be half typed. */
export const coupon = signal("");
const answered = signal<{ question: string; quote: Quote } | null>(null);

const lines = computed((): CheckoutLine[] =>
  orderable.value.map(({ sku, qty, minor, item }) => ({
    sku,
    qty,
    unit_minor: minor,
    ...(item?.variant.offer && { offer: item.variant.offer }),
  })),
);

const question = computed(() => {
  if (checkout.value.at !== "form" || lines.value.length === 0) return "";
  const { shipping } = form.value;
  return JSON.stringify({
    lines: lines.value,
    ...(coupon.value && { coupon: coupon.value }),
    ...(shipping && { shipping }),
  } satisfies QuoteAsk);
});

/** The last answer: what the sums show, also while the next one is on its way. */
export const quote = computed(() => answered.value?.quote);
/** Whether the last answer is about what stands in the form now. */
export const quoted = computed(() => question.value === "" || answered.value?.question === question.value);

effect(() => {
  if (question.value && socket.state.value === "open") void ask(question.value);
});

async function ask(now: string): Promise<void> {
  try {
    const quote = await socket.call("checkout.quote", JSON.parse(now) as QuoteAsk);
    if (now !== question.value) return;
    answered.value = { question: now, quote };
    if (refusal.value?.ofQuote) refusal.value = null;
  } catch (e) {
    if (now === question.value && e instanceof CallError) onNoQuote(now, e);
  }
}

const passing = ["timeout", "busy", "rate_limited"];
const askAgainMs = 2000;

function onNoQuote(asked: string, { code, field }: CallError): void {
  if (code === "offline") return; // the next connection asks again
  if (passing.includes(code)) setTimeout(() => asked === question.value && void ask(asked), askAgainMs);
  else if (field === "coupon") refuseCoupon(code);
  else if (field === "shipping" && form.value.shipping) setField("shipping", "");
  else refusal.value = { code, field, ofQuote: true };
}

function refuseCoupon(code: string): void {
  coupon.value = "";
  formErrors.value = { ...formErrors.value, coupon: tCode(code) };
}

/** applyCoupon makes what stands in the field count; "" takes the coupon away. */
export function applyCoupon(code: string): void {
  setField("coupon", code);
  coupon.value = code.trim();
}

// ---- the form

/** openCheckout shows the form, or the answer that is still awaited. */
export function openCheckout(): void {
  checkoutOpen.value = true;
  if (sending) {
    checkout.value = { at: "placing" };
    return;
  }
  key = newKey();
  batch(() => {
    acceptPrices();
    formErrors.value = {};
    refusal.value = null;
    if (!form.value.provider) setField("provider", brand.value.providers[0] ?? "");
    checkout.value = { at: "form" };
  });
}

/** closeCheckout goes back to the show. */
export function closeCheckout(): void {
  checkoutOpen.value = false;
  if (checkout.value.at !== "placing") checkout.value = { at: "closed" };
}

/** showOrder opens an order of the list. */
export function showOrder(id: string): void {
  checkoutOpen.value = true;
  checkout.value = { at: "order", id };
}

/** setField changes one field and takes its complaint away. */
export function setField(name: keyof Form, value: string): void {
  form.value = { ...form.value, [name]: value };
  if (formErrors.value[name]) formErrors.value = { ...formErrors.value, [name]: undefined };
}

/** acceptPrices makes the present prices the ones the buyer has seen. */
export function acceptPrices(): void {
  seen.value = new Map(orderable.value.map((line) => [line.sku, line.minor]));
  refusal.value = null;
}

/** place sends the order, unless something is wrong or the buyer has not seen what it costs. */
export function place(): void {
  formErrors.value = check(form.value);
  if (Object.keys(formErrors.value).length > 0) return;
  if (form.value.coupon.trim() !== coupon.value) return applyCoupon(form.value.coupon);
  if (!quoted.value || lines.value.length === 0) return;
  void deliver({ key, lines: lines.value, ...body(form.value) });
}

function body(f: Form): Omit<CheckoutPlace, "key" | "lines"> {
  const shipping = f.shipping || quote.value?.shipping;
  return {
    name: f.name.trim(),
    phone: f.phone.trim(),
    email: f.email.trim(),
    address: f.address.trim(),
    provider: f.provider,
    ...(coupon.value && { coupon: coupon.value }),
    ...(shipping && { shipping }),
  };
}

function check(f: Form): FormErrors {
  const wrong: FormErrors = {};
  if (!f.name.trim()) wrong.name = t("room.checkout.need_name");
  if (!f.phone.trim() && !f.email.trim()) wrong.phone = t("room.checkout.need_reach");
  if (f.phone.trim() && !/^[+\d][\d\s()-]{4,}$/.test(f.phone.trim()))
    wrong.phone = t("room.checkout.bad_phone");
  if (f.email.trim() && !/^\S+@\S+\.\S+$/.test(f.email.trim())) wrong.email = t("room.checkout.bad_email");
  if (!f.address.trim()) wrong.address = t("room.checkout.need_address");
  return wrong;
}

async function deliver(body: CheckoutPlace): Promise<void> {
  remember(pendingName, body, "session");
  refusal.value = null;
  checkout.value = { at: "placing" };
  sending = true;
  try {
    onPlaced(await socket.call("checkout.place", body, { queue: true }), body);
  } catch (e) {
    onRefused(e instanceof CallError ? e : new CallError("internal"), body);
  }
}

function onPlaced(order: Order, body: CheckoutPlace): void {
  sending = false;
  remember(pendingName, null, "session");
  const ordered = new Set(body.lines.map((line) => line.sku));
  batch(() => {
    applyCoupon(""); // it has served
    setOrder(order);
    cart.value = { lines: cart.value.lines.filter((line) => !ordered.has(line.sku)) };
    checkout.value = { at: "order", id: order.id };
    checkoutOpen.value = true;
  });
}

function onRefused(e: CallError, body: CheckoutPlace): void {
  sending = false;
  // "offline" here means that the page can never connect again; the next load may, so the body stays.
  if (e.code !== "offline") remember(pendingName, null, "session");
  key = newKey();
  batch(() => {
    const field = e.field as keyof Form;
    if (e.code.startsWith("coupon_")) refuseCoupon(e.code);
    else if (field in form.value) formErrors.value = { [field]: tCode(e.code) };
    else refusal.value = { code: e.field === "key" ? "conflict" : e.code, field: e.field };
    seen.value = new Map(body.lines.map((line) => [line.sku, line.unit_minor]));
    checkout.value = { at: "form" };
    checkoutOpen.value = true;
  });
}

/** resumeCheckout asks again for the answer that a reload cut off. Call once at start. */
export function resumeCheckout(): void {
  const body = recall<CheckoutPlace>(pendingName, "session");
  if (!body?.key) return;
  const { name, phone, email, address, provider, coupon: code = "", shipping = "" } = body;
  form.value = { name, phone, email, address, provider, coupon: code, shipping };
  coupon.value = code;
  checkoutOpen.value = true;
  void deliver(body);
}

/** pay starts a new payment of a reserved order. */
export async function pay(id: string, provider: string): Promise<void> {
  await change(() => socket.call("order.pay", { id, provider }));
}

/** cancel gives the reserved stock back. */
export async function cancel(id: string): Promise<void> {
  await change(() => socket.call("order.cancel", { id }));
}

async function change(ask: () => Promise<Order>): Promise<void> {
  try {
    setOrder(await ask());
  } catch (e) {
    toast(tCode(e instanceof CallError ? e.code : "internal"), "bad");
  }
}
