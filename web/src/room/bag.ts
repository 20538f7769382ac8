// The bag: what the viewer sees changes at once, the server's word settles it.
import { computed, signal } from "@preact/signals";
import { t, tCode } from "../lib/i18n";
import type { Cart, Product, Variant } from "../lib/protocol";
import { CallError } from "../lib/socket";
import { toast } from "../lib/ui";
import { cart, type Item, itemOf, nameOf, socket } from "./show";

export const maxQuantity = 99;

/** Wishes on their way: sku → quantity (0 = out of the bag) and how many calls carry them. */
const wishes = signal(new Map<string, { qty: number; calls: number }>());

export interface BagLine {
  sku: string;
  qty: number;
  item: Item | undefined; // unknown only if it left the shelf before this page loaded
  /** What one costs now. */
  minor: number;
  /** fine · over: more than there are · gone: sold out or off the shelf */
  state: "fine" | "over" | "gone";
}

/** What lies in the bag, wishes included. Nothing is ever removed by itself. */
export const bag = computed((): BagLine[] => {
  const qty = new Map(cart.value.lines.map((line) => [line.sku, line.qty]));
  for (const [sku, wish] of wishes.value) qty.set(sku, wish.qty);
  return [...qty].filter(([, n]) => n > 0).map(([sku, n]) => lineOf(sku, n));
});

/** The lines that can be ordered now. */
export const orderable = computed(() => bag.value.filter((line) => line.state === "fine"));
export const bagCount = computed(() => bag.value.reduce((sum, line) => sum + line.qty, 0));
export const bagTotal = computed(() => orderable.value.reduce((sum, line) => sum + line.qty * line.minor, 0));

function lineOf(sku: string, qty: number): BagLine {
  const item = itemOf(sku);
  const minor = item?.variant.price_minor ?? 0;
  if (!item?.product.on_shelf || item.variant.available < 1) return { sku, qty, item, minor, state: "gone" };
  return { sku, qty, item, minor, state: qty > item.variant.available ? "over" : "fine" };
}

/** titleOf is what a line is called. */
export function titleOf({ sku, item }: BagLine): string {
  return item ? nameOf(item.product, item.variant) : sku;
}

// ---- which variant of a product

const choices = signal(new Map<string, string>()); // product → SKU

/** chosen is the variant of a product that its buttons are about: the buyer's choice, else the first there is. */
export function chosen(p: Product): Variant | undefined {
  const sku = choices.value.get(p.id);
  const { variants } = p;
  return variants.find((v) => v.sku === sku) ?? variants.find((v) => v.available > 0) ?? variants[0];
}

/** choose makes a variant the chosen one of its product. */
export function choose(p: Product, v: Variant): void {
  choices.value = new Map(choices.value).set(p.id, v.sku);
}

/** inBag is how many of a SKU the viewer has. */
export function inBag(sku: string): number {
  return bag.value.find((line) => line.sku === sku)?.qty ?? 0;
}

/** addToBag takes one more. */
export function addToBag({ sku }: Variant): void {
  void setQuantity(sku, inBag(sku) + 1);
}

/** setQuantity sets how many; 0 takes the product out. */
export async function setQuantity(sku: string, want: number): Promise<void> {
  const qty = Math.min(want, maxQuantity);
  wish(sku, qty, 1);
  try {
    const set = qty > 0 ? socket.call("cart.set", { sku, qty }, { queue: true }) : undefined;
    settle(sku, qty, await (set ?? socket.call("cart.remove", { sku }, { queue: true })));
  } catch (e) {
    settle(sku, qty, undefined);
    toast(tCode(e instanceof CallError ? e.code : "internal"), "bad");
  }
}

// settle drops the wish once no call carries it any more; only the last answer counts.
function settle(sku: string, qty: number, answer: Cart | undefined): void {
  const left = wish(sku, qty, -1);
  if (answer && left === 0) cart.value = answer;
}

function wish(sku: string, qty: number, more: 1 | -1): number {
  const next = new Map(wishes.value);
  const was = next.get(sku);
  const calls = (was?.calls ?? 0) + more;
  if (calls > 0) next.set(sku, { qty: more > 0 ? qty : (was?.qty ?? qty), calls });
  else next.delete(sku);
  wishes.value = next;
  return calls;
}

/** said tells that a product went into the bag. */
export function said(product: Product): void {
  toast(t("room.added", { title: product.title }), "good");
}
