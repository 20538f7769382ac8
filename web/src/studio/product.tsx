// New and changed products, with a picture.

import { useEffect, useRef, useState } from "preact/hooks";
import { focusFault } from "../lib/focus";
import { formatNumber, t, tCode } from "../lib/i18n";
import { parseMoney, plainMoney } from "../lib/money";
import type { Product } from "../lib/protocol";
import { Button, Field, Icon, Sheet } from "../lib/ui";
import { newKey } from "../lib/ulid";
import { type Command, useCommand } from "../lib/work/command";
import { brand, products, upsert } from "../lib/work/live";
import { uploadPicture } from "./picture";
import { socket } from "./wire";

/** Words of the form as typed; price and stock stay text until they are sent. */
interface Draft {
  key: string;
  title: string;
  description: string;
  price: string;
  stock: string;
  picture: string; // id of a freshly uploaded picture, empty keeps the old one
}

interface Faults {
  title?: string;
  price?: string;
  stock?: string;
}

/** ProductForm is a dialog; of says which product, "new", or null while it is closed. */
export function ProductForm({ of, onClose }: { of: Product | "new" | null; onClose(): void }) {
  const old = of === "new" || !of ? null : of;
  const [draft, setDraft] = useState(() => draftOf(old));
  const [faults, setFaults] = useState<Faults>({});
  const [uploading, setUploading] = useState(false);
  const save = useCommand({ quiet: true });
  useEffect(() => {
    setDraft(draftOf(old));
    setFaults({});
    save.clear();
  }, [of]);
  const set = (part: Partial<Draft>) => setDraft((d) => ({ ...d, ...part }));
  const submit = async (e: Event) => {
    e.preventDefault();
    const wrong = check(draft, old);
    setFaults(wrong);
    focusFault(e.currentTarget);
    if (Object.keys(wrong).length > 0 || uploading || save.busy) return;
    if (await save.run(() => send(draft, old))) onClose();
  };
  const footer = (
    <>
      <Button onClick={onClose}>{t("ui.cancel")}</Button>
      <Button
        type="submit"
        form="product-form"
        kind="primary"
        busy={save.busy || uploading}
        data-testid="product-save"
      >
        {t("studio.product_save")}
      </Button>
    </>
  );
  const title = old ? t("studio.product_edit") : t("studio.product_new");
  return (
    <Sheet open={of !== null} onClose={onClose} title={title} footer={footer}>
      <form id="product-form" class="form" onSubmit={submit} noValidate>
        <Picture old={old?.picture ?? ""} draft={draft} set={set} onBusy={setUploading} />
        <Words old={old} draft={draft} set={set} faults={{ ...faults, ...named(save) }} />
        {save.error && !save.field && (
          <p class="field-error" role="alert">
            {save.error}
          </p>
        )}
      </form>
    </Sheet>
  );
}

interface PartProps {
  draft: Draft;
  set(part: Partial<Draft>): void;
}

function Words({ old, draft, set, faults }: PartProps & { old: Product | null; faults: Faults }) {
  return (
    <>
      <Field
        label={t("studio.product_title")}
        value={draft.title}
        onInput={(title) => set({ title })}
        error={faults.title}
        maxLength={80}
        autoFocus
        data-testid="product-title"
      />
      {isPlain(old) ? (
        <Figures old={old} draft={draft} set={set} faults={faults} />
      ) : (
        <p class="muted">{t("studio.product_variants_text", { n: old?.variants.length ?? 0 })}</p>
      )}
      <Field
        label={t("studio.product_description")}
        value={draft.description}
        onInput={(description) => set({ description })}
        rows={4}
        maxLength={500}
        data-testid="product-description"
      />
    </>
  );
}

/** Price and stock, which the form knows for products without options only. */
function Figures({ old, draft, set, faults }: PartProps & { old: Product | null; faults: Faults }) {
  const stockHint = old ? t("studio.stock_now", { n: formatNumber(old.available) }) : "";
  return (
    <div class="form-pair">
      <Field
        label={t("studio.product_price")}
        value={draft.price}
        onInput={(price) => set({ price })}
        error={faults.price}
        prefix={brand.value.currency}
        inputMode="decimal"
        autocomplete="off"
        data-testid="product-price"
      />
      <Field
        label={old ? t("studio.stock_add") : t("studio.stock_first")}
        value={draft.stock}
        onInput={(stock) => set({ stock })}
        error={faults.stock}
        hint={stockHint}
        inputMode="numeric"
        autocomplete="off"
        data-testid="product-stock"
      />
    </div>
  );
}

function isPlain(old: Product | null): boolean {
  return !old || old.variants.length < 2;
}

/** The picture goes up as soon as it is chosen, so that saving stays quick. */
function Picture({ old, draft, set, onBusy }: PartProps & { old: string; onBusy(busy: boolean): void }) {
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const chosen = async (file: File | undefined) => {
    if (!file) return;
    setFault("");
    setBusy(true);
    onBusy(true);
    const up = await uploadPicture(file);
    if (up.picture) set({ picture: up.picture });
    else setFault(tCode(up.code));
    setBusy(false);
    onBusy(false);
    if (input.current) input.current.value = "";
  };
  const shown = draft.picture ? `/pictures/${draft.picture}` : old;
  return (
    <div class="picture-field">
      <div class="picture-frame">{shown ? <img src={shown} alt="" /> : <Icon name="image" />}</div>
      <div class="picture-side">
        <label class="button is-secondary is-small" data-busy={busy || undefined}>
          {busy ? <span class="spinner" /> : <Icon name="image" />}
          {shown ? t("studio.picture_change") : t("studio.picture_add")}
          <input
            ref={input}
            class="visually-hidden"
            type="file"
            accept="image/png,image/jpeg,image/gif"
            onChange={(e) => void chosen(e.currentTarget.files?.[0])}
            data-testid="product-picture"
          />
        </label>
        <p class={fault ? "field-error" : "field-hint"} role={fault ? "alert" : undefined}>
          {fault || t("studio.picture_hint")}
        </p>
      </div>
    </div>
  );
}

function draftOf(old: Product | null): Draft {
  return {
    key: newKey(),
    title: old?.title ?? "",
    description: old?.description ?? "",
    price: old ? plainMoney(old.variants[0]?.list_minor ?? old.price_minor) : "",
    stock: "",
    picture: "",
  };
}

function check(d: Draft, old: Product | null): Faults {
  const wrong: Faults = {};
  const price = parseMoney(d.price);
  if (!d.title.trim()) wrong.title = t("studio.need_title");
  if (!isPlain(old)) return wrong;
  if (price === null || price <= 0) wrong.price = t("studio.need_price");
  if (!/^\d{0,7}$/.test(d.stock.trim())) wrong.stock = t("studio.need_stock");
  return wrong;
}

/** The server's complaint, at the field it names. */
function named(save: Command): Faults {
  if (save.field === "title") return { title: save.error };
  if (save.field === "price_minor") return { price: save.error };
  if (save.field === "add_stock") return { stock: save.error };
  return {};
}

async function send(d: Draft, old: Product | null): Promise<void> {
  const saved = await socket.call("product.save", {
    ...(old ? { id: old.id } : { key: d.key }),
    title: d.title.trim(),
    description: d.description.trim(),
    price_minor: isPlain(old) ? (parseMoney(d.price) ?? 0) : 0,
    add_stock: isPlain(old) ? Number(d.stock.trim() || 0) : 0,
    ...(d.picture && { picture: d.picture }),
  });
  products.value = upsert(products.value, saved).sort((a, b) => a.number - b.number);
}
