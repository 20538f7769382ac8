import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { endOffersInTime, withoutEnded } from "./offers";
import type { Product, Variant } from "./protocol";

const variant = (change: Partial<Variant>): Variant => ({
  sku: "sku_1",
  name: "",
  picture: "",
  price_minor: 3200,
  list_minor: 3800,
  offer: "off_1",
  closes_ms: 1000,
  available: 5,
  reserved: 0,
  sold: 0,
  ...change,
});

const product = (...variants: Variant[]): Product => ({
  id: "prd_1",
  sku: "sku_1",
  number: 1,
  title: "Cream",
  description: "",
  picture: "",
  price_minor: variants[0]?.price_minor ?? 0,
  available: 5,
  reserved: 0,
  sold: 0,
  on_shelf: true,
  variants,
});

test("an offer counts until its last moment and no longer", () => {
  const before = product(variant({}), variant({ closes_ms: 0 }), variant({ offer: "", price_minor: 3800 }));
  assert.deepEqual(withoutEnded(before, 999), before);
  const after = withoutEnded(before, 1000);
  assert.equal(after.price_minor, 3800);
  assert.deepEqual(
    after.variants.map((v) => [v.price_minor, v.offer]),
    [
      [3800, ""],
      [3200, "off_1"], // open end
      [3800, ""],
    ],
  );
});

test("prices change by themselves when an offer ends", async () => {
  const products = signal([product(variant({ closes_ms: Date.now() + 30 }))]);
  endOffersInTime(products);
  const changed = new Promise((resolve) =>
    products.subscribe((all) => all[0]?.price_minor === 3800 && resolve(0)),
  );
  assert.equal(products.value[0]?.price_minor, 3200);
  await changed;
});
