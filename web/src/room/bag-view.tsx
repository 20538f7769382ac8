// Products, bag and orders: one panel with tabs, in a sheet on phones and beside the
// picture elsewhere.
import type { ComponentChildren } from "preact";
import { formatCount, formatDateTime, shortOrder, t } from "../lib/i18n";
import type { Order } from "../lib/protocol";
import { Button, Empty, Icon, Money, OrderBadge, Sheet } from "../lib/ui";
import { type BagLine, bag, bagCount, bagTotal, orderable, setQuantity } from "./bag";
import { openCheckout, showOrder } from "./checkout";
import { bagOpen, openPanel, type Tab, tab } from "./layout";
import { Picture, ProductList, Quantity } from "./product-view";
import { nameOf, orders, products, show } from "./show";

/** BagSheet is the panel on a phone. */
export function BagSheet() {
  const close = () => {
    bagOpen.value = false;
  };
  return (
    <Sheet
      open={bagOpen.value}
      onClose={close}
      title={<Tabs tabs={["products", "bag", "orders"]} />}
      footer={<BagFoot />}
      class="bag-sheet"
      data-testid="bag-sheet"
    >
      <Panel />
    </Sheet>
  );
}

/** SidePanel is the panel beside the picture; `chat` is its first tab in landscape. */
export function SidePanel({ tabs, chat }: { tabs: Tab[]; chat?: ComponentChildren }) {
  if (tab.value === "chat") {
    return (
      <aside class="side">
        <Tabs tabs={tabs} />
        {chat}
      </aside>
    );
  }
  return (
    <aside class="side" data-testid="bag-sheet">
      <h2 class="visually-hidden">{t(tabWords[tab.value])}</h2>
      <Tabs tabs={tabs} />
      <div class="side-body">
        <Panel />
      </div>
      <BagFoot />
    </aside>
  );
}

const tabWords = {
  chat: "room.tab.chat",
  products: "room.tab.products",
  bag: "room.bag",
  orders: "room.tab.orders",
} as const;

function Tabs({ tabs }: { tabs: Tab[] }) {
  const onKeyDown = (e: KeyboardEvent) => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    const next = tabs[(tabs.indexOf(tab.value) + step + tabs.length) % tabs.length];
    if (step === 0 || !next) return;
    tab.value = next;
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" onKeyDown={onKeyDown}>
      {tabs.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={tab.value === name}
          tabIndex={tab.value === name ? 0 : -1}
          onClick={() => {
            tab.value = name;
          }}
        >
          {t(tabWords[name])}
          <TabCount name={name} />
        </button>
      ))}
    </div>
  );
}

function TabCount({ name }: { name: Tab }) {
  const n = name === "products" ? products.value.length : name === "bag" ? bagCount.value : 0;
  return n > 0 ? <span class="tab-count">{n}</span> : null;
}

function Panel() {
  return (
    <div role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
      {tab.value === "products" && <ProductList />}
      {tab.value === "bag" && <BagList />}
      {tab.value === "orders" && <OrderList />}
    </div>
  );
}

// ---- the bag

function BagList() {
  if (bag.value.length === 0) {
    return (
      <Empty icon="bag" title={t("room.bag.empty")}>
        {t("room.bag.empty.text")}
      </Empty>
    );
  }
  return (
    <ul class="products">
      {bag.value.map((line) => (
        <BagRow key={line.sku} line={line} />
      ))}
    </ul>
  );
}

function BagRow({ line }: { line: BagLine }) {
  const { item, minor, qty, sku, state } = line;
  return (
    <li class="product" data-gone={state === "gone"}>
      {item && <Picture {...item} />}
      <div class="product-words">
        <h3>{item?.product.title ?? sku}</h3>
        {item?.variant.name && <p class="variant-name">{item.variant.name}</p>}
        {state === "over" && item && (
          <p class="product-warn">{t("room.bag.over", { n: item.variant.available })}</p>
        )}
        {state === "gone" && (
          <p class="product-warn">{item?.product.on_shelf ? t("room.sold_out") : t("room.off_shelf")}</p>
        )}
        <div class="product-buy">
          <Money minor={minor * qty} short class="price" />
          {state === "gone" ? (
            <Button size="small" kind="quiet" icon="trash" onClick={() => void setQuantity(sku, 0)}>
              {t("ui.remove")}
            </Button>
          ) : (
            <Quantity sku={sku} qty={qty} item={item} />
          )}
        </div>
      </div>
    </li>
  );
}

function BagFoot() {
  if (bag.value.length === 0 || tab.value === "orders") return null;
  const closed = show.value.state !== "live";
  const start = () => {
    bagOpen.value = false;
    openCheckout();
  };
  return (
    <div class="bag-foot">
      <p>
        <span>{t("room.sum.goods")}</span>
        <Money minor={bagTotal.value} class="total" />
      </p>
      <Button
        kind="primary"
        size="large"
        disabled={orderable.value.length === 0 || closed}
        onClick={start}
        data-testid="checkout-open"
      >
        {closed
          ? t(show.value.state === "ended" ? "error.show_ended" : "error.show_not_started")
          : t("room.checkout")}
      </Button>
    </div>
  );
}

/** BagButton opens the panel and says how much is in the bag. */
export function BagButton() {
  const n = bagCount.value;
  return (
    <button
      type="button"
      class="bag-button"
      data-testid="bag-button"
      aria-label={t("room.bag.open", { n })}
      onClick={() => openPanel("products")}
    >
      <Icon name="bag" />
      <span key={n} class="bag-count" data-testid="bag-count" data-empty={n === 0}>
        {formatCount(n)}
      </span>
    </button>
  );
}

// ---- own orders

function OrderList() {
  if (orders.value.length === 0) {
    return (
      <Empty icon="receipt" title={t("room.orders.empty")}>
        {t("room.orders.empty.text")}
      </Empty>
    );
  }
  return (
    <ul class="orders">
      {orders.value.map((order) => (
        <OrderRow key={order.id} order={order} />
      ))}
    </ul>
  );
}

function OrderRow({ order }: { order: Order }) {
  const items = order.lines.reduce((sum, line) => sum + line.qty, 0);
  const open = () => {
    bagOpen.value = false;
    showOrder(order.id);
  };
  return (
    <li>
      <button
        type="button"
        class="order"
        data-testid="order-row"
        data-order={order.id}
        data-state={order.state}
        onClick={open}
      >
        <span class="order-head">
          <strong>{t("order.number", { number: shortOrder(order.id) })}</strong>
          <OrderBadge state={order.state} />
        </span>
        <span class="order-lines">
          {order.lines.map((line) => `${nameOf(line, { name: line.variant })} × ${line.qty}`).join(" · ")}
        </span>
        <span class="order-head">
          <span class="order-when">
            {formatDateTime(order.placed_ms)} · {t("order.items", { n: items })}
          </span>
          <Money minor={order.total_minor} class="price" />
        </span>
      </button>
    </li>
  );
}
