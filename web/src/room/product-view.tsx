// What is sold: the list, the choice among variants, and the card of the product being
// explained.
import { formatDuration, t } from "../lib/i18n";
import type { Product, Variant } from "../lib/protocol";
import { Button, Empty, Icon, Money, Stepper, useNow } from "../lib/ui";
import { addToBag, choose, chosen, inBag, maxQuantity, said, setQuantity } from "./bag";
import { openPanel } from "./layout";
import { type Item, nameOf, pinned, products, show, socket, welcomed } from "./show";

const fewLeft = 20; // from here on the number is in colour

/** ProductList is everything on the shelf, what is being explained first. */
export function ProductList() {
  const all = products.value.filter((p) => p.on_shelf || p.variants.some((v) => inBag(v.sku) > 0));
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
  const variant = chosen(p);
  if (!variant) return null; // nothing of it is for sale
  const gone = !p.on_shelf || p.variants.every((v) => v.available < 1);
  return (
    <li class="product" data-gone={gone} data-explained={explained} data-product={p.id}>
      <Picture product={p} variant={variant} />
      <div class="product-words">
        {explained && <p class="now">{t("room.pinned")}</p>}
        <h3>{p.title}</h3>
        {p.description && <p class="product-text">{p.description}</p>}
        {p.variants.length > 1 && <Variants product={p} />}
        <div class="product-buy">
          <p>
            <Price variant={variant} />
            <Left product={p} variant={variant} />
          </p>
          <Take product={p} variant={variant} />
        </div>
      </div>
    </li>
  );
}

/** Variants are chips of which one is chosen; what is sold out stays to be seen. */
function Variants({ product: p }: { product: Product }) {
  const now = chosen(p);
  return (
    <fieldset class="variants" aria-label={t("room.variants", { title: p.title })}>
      {p.variants.map((v) => (
        <label key={v.sku} class="variant">
          <input
            type="radio"
            name={`variant-${p.id}`}
            checked={v.sku === now?.sku}
            disabled={v.available < 1}
            onChange={() => choose(p, v)}
            data-testid="variant"
            data-sku={v.sku}
          />
          <span>
            {v.name}
            {v.available < 1 && <span class="visually-hidden"> ({t("room.sold_out")})</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** Picture is the variant's own, else the product's. */
export function Picture({ product: p, variant: v }: Item) {
  const picture = v.picture || p.picture;
  return (
    <div class="picture">
      {picture ? (
        <img src={picture} alt="" width={96} height={96} loading="lazy" decoding="async" />
      ) : (
        <Icon name="image" />
      )}
      <span class="number">{p.number}</span>
    </div>
  );
}

/** Price is what one costs now; beside an offer's, what it costs without, and for how long. */
function Price({ variant: v }: { variant: Variant }) {
  return (
    <>
      <Money minor={v.price_minor} short class="price" />
      {v.offer && v.list_minor > v.price_minor && (
        <s class="list-price">
          <span class="visually-hidden">{t("room.price.before")} </span>
          <Money minor={v.list_minor} short />
        </s>
      )}
      {v.offer && v.closes_ms > 0 && <Ends at={v.closes_ms} />}
    </>
  );
}

// The clock must not be read out every second.
function Ends({ at }: { at: number }) {
  const left = at - useNow().value - socket.clockSkewMs.value;
  return (
    <span class="ends" role="timer" aria-live="off" data-testid="offer-ends">
      {t("room.offer.ends", { time: formatDuration(left) })}
    </span>
  );
}

/** What a button says that cannot add; "" when it can. */
function whyNot({ product: p, variant: v }: Item): string {
  if (!p.on_shelf) return t("room.off_shelf");
  if (v.available < 1) return t("room.sold_out");
  return show.value.state === "ended" ? t("error.show_ended") : "";
}

function Left({ product: p, variant: v }: Item) {
  if (!p.on_shelf || v.available < 1) return null; // the button's place says so
  return (
    <span class="left" data-few={v.available <= fewLeft}>
      {t("room.left", { n: v.available })}
    </span>
  );
}

function Take({ product: p, variant: v }: Item) {
  const have = inBag(v.sku);
  const refusal = whyNot({ product: p, variant: v });
  if (have > 0) return <Quantity sku={v.sku} qty={have} item={{ product: p, variant: v }} />;
  return (
    <Button
      kind={refusal ? "secondary" : "primary"}
      size="small"
      class="take"
      disabled={refusal !== ""}
      data-testid="product-add"
      data-product={p.id}
      aria-label={`${refusal || t("room.add")}: ${nameOf(p, v)}`}
      onClick={() => addToBag(v)}
    >
      {refusal || t("room.add")}
    </Button>
  );
}

/** Quantity is how many of a SKU are in the bag. */
export function Quantity({ sku, qty, item }: { sku: string; qty: number; item: Item | undefined }) {
  return (
    <Stepper
      label={item ? nameOf(item.product, item.variant) : sku}
      value={qty}
      max={Math.min(maxQuantity, Math.max(item?.variant.available ?? 0, 1))}
      onChange={(n) => void setQuantity(sku, n)}
      data-testid="qty"
    />
  );
}

// ---- the product being explained

/** PinnedCard never takes the focus; a screen reader hears the name once. */
export function PinnedCard() {
  const p = pinned.value;
  const variant = p && chosen(p);
  const shown = variant && show.value.state === "live" && welcomed.value;
  return (
    <>
      <p class="visually-hidden" role="status">
        {shown ? `${t("room.pinned")}: ${p.title}` : ""}
      </p>
      {shown && <Pinned key={p.id} product={p} variant={variant} />}
    </>
  );
}

function Pinned({ product: p, variant: v }: Item) {
  const refusal = whyNot({ product: p, variant: v });
  const several = p.variants.length > 1 && !refusal;
  const add = () => {
    addToBag(v);
    said(p);
  };
  return (
    <section class="pinned" data-testid="pinned-card" data-product={p.id} aria-label={t("room.pinned")}>
      <button type="button" class="pinned-open" onClick={() => openPanel("products")}>
        <Picture product={p} variant={v} />
        <span class="pinned-words">
          <span class="now">{t("room.pinned")}</span>
          <span class="pinned-title">{p.title}</span>
          <span class="pinned-price">
            <Price variant={v} />
            <Left product={p} variant={v} />
          </span>
        </span>
      </button>
      <Button
        kind="primary"
        disabled={refusal !== ""}
        onClick={several ? () => openPanel("products") : add}
        data-testid={several ? "pinned-choose" : "pinned-add"}
      >
        {refusal || t(several ? "room.choose" : "room.add_to_bag")}
      </Button>
    </section>
  );
}
