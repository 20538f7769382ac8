// What the demo brand sells, as the server reads it.
import { readFileSync } from "node:fs";

/** @typedef {{USD: number, CNY: number}} Prices */
/** @typedef {{en: string, "zh-CN": string}} Words */

/**
 * @typedef {object} Catalogue
 * @property {{code: string, bp: number}} coupon
 * @property {{name: Words, price_minor: Prices, free_over_minor: Prices}[]} shippings
 * @property {{name: Words, slug: string, rate_bp: number}[]} distributors
 * @property {{title: Words, price_minor: Prices, offer_minor: Prices, stock: number, variants: {name: Words, price_minor: Prices, stock: number}[]}[]} products
 */

/** @type {Catalogue} */
export const catalogue = JSON.parse(
  readFileSync(new URL("../../cmd/shopcast/demo/catalogue.json", import.meta.url), "utf8"),
);
