// Special prices end by the clock. The server does not say so at that moment, so each
// page takes them off by itself.
import { effect, type Signal } from "@preact/signals";
import { serverNow } from "./clock";
import type { Product, Variant } from "./protocol";

const longestMs = 3_600_000; // timers cannot run for weeks; look again after an hour

/** endOffersInTime keeps the prices of a list of products true as time goes by. Call once. */
export function endOffersInTime(products: Signal<Product[]>): void {
  effect(() => {
    const next = Math.min(...products.value.flatMap((p) => p.variants ?? []).map(endOf));
    if (next === Infinity) return;
    const timer = setTimeout(
      () => {
        products.value = products.value.map((p) => withoutEnded(p, serverNow()));
      },
      Math.min(Math.max(next - serverNow(), 0), longestMs),
    );
    return () => clearTimeout(timer);
  });
}

function endOf(v: Variant): number {
  return v.offer && v.closes_ms > 0 ? v.closes_ms : Infinity;
}

/** withoutEnded puts back the list price where an offer's time is over. */
export function withoutEnded(p: Product, nowMs: number): Product {
  const variants = p.variants.map((v) =>
    endOf(v) > nowMs ? v : { ...v, price_minor: v.list_minor, offer: "", closes_ms: 0 },
  );
  return { ...p, variants, price_minor: variants[0]?.price_minor ?? p.price_minor };
}
