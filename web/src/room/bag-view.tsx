// Products, bag and orders: one panel with tabs, in a sheet on phones and beside the
// picture elsewhere. And the card of the product being explained.
import type { ComponentChildren } from "preact";
import { formatCount, formatDateTime, shortOrder, t } from "../lib/i18n";
import type { Order, Product } from "../lib/protocol";
import { Button, Empty, Icon, Money, OrderBadge, Sheet, Stepper } from "../lib/ui";
import { addToBag, type BagLine, bag, bagCount, bagTotal, inBag, orderable, said, setQuantity } from "./bag";
import { openCheckout, showOrder } from "./checkout";
import { bagOpen, openPanel, type Tab, tab } from "./layout";
import { orders, pinned, products, show, welcomed } from "./show";

const fewLeft = 20; // from here on the number is in colour

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

// ---- products

function ProductList() {
  const all = products.value.filter((p) => p.on_shelf || inBag(p.sku) > 0);
  if (all.length === 0) {
    return (
      <Empty icon="bag" title={t("room.products.empty")}>
        {t("room.products.empty.text")}
      </Empty>
    );
  }
  const first = pinned.value?.id;
  const sorted = [...all].sort((a, b) => Number(b.id === first) - Number(a.id === first));
  return (
    <ol class="products">
      {sorted.map((p) => (
        <ProductRow key={p.id} product={p} explained={p.id === first} />
      ))}
    </ol>
  );
}

function ProductRow({ product: p, explained }: { product: Product; explained: boolean }) {
  const gone = isGone(p);
  return (
    <li class="product" data-gone={gone} data-explained={explained} data-product={p.id}>
      <Picture product={p} />
      <div class="product-words">
        {explained && <p class="now">{t("room.pinned")}</p>}
        <h3>{p.title}</h3>
        {p.description && <p class="product-text">{p.description}</p>}
        <div class="product-buy">
          <p>
            <Money minor={p.price_minor} short class="price" />
            <Left product={p} />
          </p>
          <Take product={p} />
        </div>
      </div>
    </li>
  );
}

function Picture({ product: p }: { product: Product }) {
  return (
    <div class="picture">
      {p.picture ? (
        <img src={p.picture} alt="" width={96} height={96} loading="lazy" decoding="async" />
      ) : (
        <Icon name="image" />
      )}
      <span class="number">{p.number}</span>
    </div>
  );
}

function isGone(p: Product): boolean {
  return !p.on_shelf || p.available < 1;
}

/** What a button says that cannot add; "" when it can. */
function whyNot(p: Product): string {
  if (!p.on_shelf) return t("room.off_shelf");
  if (p.available < 1) return t("room.sold_out");
  return show.value.state === "ended" ? t("error.show_ended") : "";
}

function Left({ product: p }: { product: Product }) {
  if (isGone(p)) return null; // the button's place says so
  return (
    <span class="left" data-few={p.available <= fewLeft}>
      {t("room.left", { n: p.available })}
    </span>
  );
}

function Take({ product: p }: { product: Product }) {
  const have = inBag(p.sku);
  const refusal = whyNot(p);
  if (have > 0) return <Quantity sku={p.sku} qty={have} product={p} />;
  return (
    <Button
      kind={refusal ? "secondary" : "primary"}
      size="small"
      class="take"
      disabled={refusal !== ""}
      data-testid="product-add"
      data-product={p.id}
      aria-label={`${refusal || t("room.add")}: ${p.title}`}
      onClick={() => addToBag(p)}
    >
      {refusal || t("room.add")}
    </Button>
  );
}

function Quantity({ sku, qty, product }: { sku: string; qty: number; product: Product | undefined }) {
  return (
    <Stepper
      label={product?.title ?? sku}
      value={qty}
      max={Math.min(99, Math.max(product?.available ?? 0, 1))}
      onChange={(n) => void setQuantity(sku, n)}
      data-testid="qty"
    />
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
  const { product: p, qty, sku, state } = line;
  return (
    <li class="product" data-gone={state === "gone"}>
      {p && <Picture product={p} />}
      <div class="product-words">
        <h3>{p?.title ?? sku}</h3>
        {state === "over" && p && <p class="product-warn">{t("room.bag.over", { n: p.available })}</p>}
        {state === "gone" && (
          <p class="product-warn">{p?.on_shelf ? t("room.sold_out") : t("room.off_shelf")}</p>
        )}
        <div class="product-buy">
          <Money minor={(p?.price_minor ?? 0) * qty} short class="price" />
          {state === "gone" ? (
            <Button size="small" kind="quiet" icon="trash" onClick={() => void setQuantity(sku, 0)}>
              {t("ui.remove")}
            </Button>
          ) : (
            <Quantity sku={sku} qty={qty} product={p} />
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
        <span>{t("room.bag.total")}</span>
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
          {order.lines.map((line) => `${line.title} × ${line.qty}`).join(" · ")}
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

// ---- the product being explained

/** PinnedCard never takes the focus; a screen reader hears the name once. */
export function PinnedCard() {
  const p = pinned.value;
  const shown = p && show.value.state === "live" && welcomed.value;
  return (
    <>
      <p class="visually-hidden" role="status">
        {shown ? `${t("room.pinned")}: ${p.title}` : ""}
      </p>
      {shown && <Pinned key={p.id} product={p} />}
    </>
  );
}

function Pinned({ product: p }: { product: Product }) {
  const refusal = whyNot(p);
  const add = () => {
    addToBag(p);
    said(p);
  };
  return (
    <section class="pinned" data-testid="pinned-card" data-product={p.id} aria-label={t("room.pinned")}>
      <button type="button" class="pinned-open" onClick={() => openPanel("products")}>
        <Picture product={p} />
        <span class="pinned-words">
          <span class="now">{t("room.pinned")}</span>
          <span class="pinned-title">{p.title}</span>
          <span class="pinned-price">
            <Money minor={p.price_minor} short class="price" />
            <Left product={p} />
          </span>
        </span>
      </button>
      <Button kind="primary" disabled={refusal !== ""} onClick={add} data-testid="pinned-add">
        {refusal || t("room.add_to_bag")}
      </Button>
    </section>
  );
}
