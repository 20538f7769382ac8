// Which of the three arrangements the window has room for, and which panel is open.
import { signal } from "@preact/signals";

/**
 * phone  everything over the picture, the bag in a sheet
 * rail   landscape: picture left, one column of tabs right
 * wide   picture, products and chat side by side
 */
export type Layout = "phone" | "rail" | "wide";
export type Tab = "chat" | "products" | "bag" | "orders";

const wide = matchMedia("(min-width: 64rem)");
const rail = matchMedia("(min-width: 36rem) and (orientation: landscape)");

const read = (): Layout => (wide.matches ? "wide" : rail.matches ? "rail" : "phone");

export const layout = signal<Layout>(read());
export const tab = signal<Tab>(layout.value === "rail" ? "chat" : "products");
/** The bag sheet of the phone. */
export const bagOpen = signal(false);

for (const query of [wide, rail]) {
  query.addEventListener("change", () => {
    layout.value = read();
    bagOpen.value = false;
    if (layout.value !== "rail" && tab.value === "chat") tab.value = "products";
  });
}

/** openPanel shows products, bag or orders wherever this layout has them. */
export function openPanel(which: Exclude<Tab, "chat">): void {
  tab.value = which;
  if (layout.value === "phone") bagOpen.value = true;
  else document.getElementById(`tab-${which}`)?.focus();
}
