// Money is whole minor units of the brand's currency everywhere; only these functions
// know where the point goes.
import { signal } from "@preact/signals";
import { lang } from "./i18n";

const unit = signal({ currency: "CNY", exponent: 2 });

/** setCurrency is called once the brand is known (boot, then each welcome). */
export function setCurrency(currency: string, exponent: number): void {
  if (currency !== unit.value.currency || exponent !== unit.value.exponent)
    unit.value = { currency, exponent };
}

/** formatMoney writes minor units: 19900 → ¥199.00, with `short` ¥199 when there are no cents. */
export function formatMoney(minor: number, options: { short?: boolean } = {}): string {
  const { currency, exponent } = unit.value;
  const digits = options.short && minor % 10 ** exponent === 0 ? 0 : exponent;
  return new Intl.NumberFormat(lang.value, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(minor / 10 ** exponent);
}

/** parseMoney reads what a person typed into minor units; null when it is no amount. */
export function parseMoney(text: string): number | null {
  const { exponent } = unit.value;
  const match = /^\s*(\d{1,12})(?:[.](\d*))?\s*$/.exec(text.replace(/[,\s¥￥$€£]/g, ""));
  const [, whole = "", fraction = ""] = match ?? [];
  if (!match || fraction.length > exponent) return null;
  return Number(whole + fraction.padEnd(exponent, "0"));
}

/** plainMoney is minor units as a person would type them: 19900 → 199.00. */
export function plainMoney(minor: number): string {
  return (minor / 10 ** unit.value.exponent).toFixed(unit.value.exponent);
}
