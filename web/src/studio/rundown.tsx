// The rundown: HQ's products in the order hosts call them, the one being explained
// first among equals.

import { useState } from "preact/hooks";
import { formatNumber, t } from "../lib/i18n";
import type { Product } from "../lib/protocol";
import { Button, Empty, Icon, IconButton, Money } from "../lib/ui";
import { useCommand } from "../lib/work/command";
import { products, ready, show, upsert } from "../lib/work/live";
import { ProductForm } from "./product";
import { Skeleton } from "./skeleton";
import { socket } from "./wire";

/** At or below this many units the stock is written in the warning colour. */
const fewUnits = 5;

/** Rundown is the left column. */
export function Rundown() {
  const [editing, setEditing] = useState<Product | "new" | null>(null);
  const list = products.value;
  return (
    <section class="panel rundown" aria-labelledby="rundown-title">
      <header class="panel-head">
        <h2 id="rundown-title">
          {t("studio.products")} <span class="count">{list.length || ""}</span>
        </h2>
        <Button size="small" icon="plus" onClick={() => setEditing("new")} data-testid="product-new">
          {t("studio.product_new")}
        </Button>
      </header>
      {ready.value ? <List list={list} edit={setEditing} /> : <Skeleton rows={6} />}
      <ProductForm of={editing} onClose={() => setEditing(null)} />
    </section>
  );
}

function List({ list, edit }: { list: Product[]; edit(p: Product | "new"): void }) {
  if (list.length === 0) {
    return (
      <Empty icon="bag" title={t("studio.products_empty")}>
        <p>{t("studio.products_empty_text")}</p>
        <Button kind="primary" icon="plus" onClick={() => edit("new")}>
          {t("studio.product_first")}
        </Button>
      </Empty>
    );
  }
  return (
    <ol class="panel-body product-list">
      {list.map((p) => (
        <Row key={p.id} product={p} edit={() => edit(p)} />
      ))}
    </ol>
  );
}

function Row({ product: p, edit }: { product: Product; edit(): void }) {
  const pinned = show.value.pinned === p.id;
  const classes = ["product", pinned && "is-pinned", !p.on_shelf && "is-off"].filter(Boolean).join(" ");
  return (
    <li class={classes} data-testid="product-row" data-product={p.id} data-sku={p.sku}>
      <span class="product-number">{p.number}</span>
      <Thumb product={p} />
      <button type="button" class="product-title" onClick={edit} title={p.title}>
        {p.title}
      </button>
      <Pin product={p} pinned={pinned} />
      <span class="product-price">
        <Money minor={p.price_minor} short />
        {p.variants.length > 1 && (
          <small class="muted"> · {t("studio.product_variants", { n: p.variants.length })}</small>
        )}
      </span>
      <div class="product-do">
        <Shelf product={p} />
        <IconButton
          size="small"
          icon="edit"
          label={t("studio.product_edit_named", { title: p.title })}
          onClick={edit}
        />
      </div>
      <StockLine product={p} />
    </li>
  );
}

function Thumb({ product: p }: { product: Product }) {
  if (!p.picture) {
    return (
      <span class="thumb is-empty">
        <Icon name="image" />
      </span>
    );
  }
  return <img class="thumb" src={p.picture} alt="" width="48" height="48" loading="lazy" decoding="async" />;
}

function StockLine({ product: p }: { product: Product }) {
  const level = p.available === 0 ? "is-out" : p.available <= fewUnits ? "is-few" : "";
  if (!p.on_shelf) return <span class="product-off">{t("studio.off_shelf")}</span>;
  return (
    <dl class="stock">
      <div class={level}>
        <dt>{t("studio.stock_available")}</dt>
        <dd>{formatNumber(p.available)}</dd>
      </div>
      <div class={p.reserved > 0 ? "is-held" : ""}>
        <dt>{t("studio.stock_reserved")}</dt>
        <dd>{formatNumber(p.reserved)}</dd>
      </div>
      <div>
        <dt>{t("studio.stock_sold")}</dt>
        <dd>{formatNumber(p.sold)}</dd>
      </div>
    </dl>
  );
}

function Pin({ product: p, pinned }: { product: Product; pinned: boolean }) {
  const pin = useCommand();
  const toggle = () =>
    pin.run(async () => {
      show.value = await socket.call("product.pin", { id: pinned ? "" : p.id });
    });
  return (
    <Button
      class="product-pin"
      size="small"
      kind={pinned ? "primary" : "secondary"}
      icon="pin"
      busy={pin.busy}
      disabled={!p.on_shelf && !pinned}
      aria-pressed={pinned}
      title={pinned ? t("studio.unpin_hint") : t("studio.pin_hint")}
      onClick={toggle}
      data-testid="product-pin"
    >
      {pinned ? t("studio.pinned") : t("studio.pin")}
    </Button>
  );
}

function Shelf({ product: p }: { product: Product }) {
  const shelf = useCommand();
  const toggle = () =>
    shelf.run(async () => {
      products.value = upsert(
        products.value,
        await socket.call("product.shelf", { id: p.id, on: !p.on_shelf }),
      );
    });
  return (
    <button
      type="button"
      role="switch"
      class="switch"
      aria-checked={p.on_shelf}
      aria-label={t("studio.on_shelf_named", { title: p.title })}
      aria-busy={shelf.busy || undefined}
      title={t(p.on_shelf ? "studio.on_shelf" : "studio.off_shelf")}
      onClick={() => !shelf.busy && void toggle()}
      data-testid="product-shelf"
    >
      <span class="switch-track" />
    </button>
  );
}
