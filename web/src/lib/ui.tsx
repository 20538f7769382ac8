// The shared parts of every face. Looks live in styles/ui.css; colours and sizes in
// styles/tokens.css. Text is always passed as children or strings, never as HTML.
import { type ReadonlySignal, signal } from "@preact/signals";
import type {
  ButtonHTMLAttributes,
  ComponentChildren,
  InputHTMLAttributes,
  PartialInputHTMLAttributes,
  TargetedEvent,
  TargetedMouseEvent,
  TextareaHTMLAttributes,
} from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import type { Lang } from "./boot";
import { lang, setLang, t } from "./i18n";
import { Icon, type IconName } from "./icons";
import { formatMoney } from "./money";

export { Icon, type IconName } from "./icons";

type Children = { children?: ComponentChildren };
/** data-testid and friends, which every part hands to its main element. */
type Data = { [name: `data-${string}`]: string | number | boolean | undefined };

// ---- Button

export type ButtonProps = Omit<
  ButtonHTMLAttributes,
  "class" | "icon" | "size" | "disabled" | "type" | "onClick"
> &
  Data & {
    class?: string;
    onClick?: (e: TargetedMouseEvent<HTMLButtonElement>) => void;
    kind?: "primary" | "secondary" | "quiet" | "danger";
    size?: "small" | "medium" | "large";
    icon?: IconName;
    /** Shows a spinner and ignores clicks, but keeps the focus. */
    busy?: boolean;
    disabled?: boolean;
    type?: "button" | "submit";
  };

/** Button is at least 44 px tall (36 in dense places with size small). */
export function Button(props: ButtonProps) {
  const {
    kind = "secondary",
    size = "medium",
    icon,
    busy,
    class: extra = "",
    children,
    onClick,
    ...rest
  } = props;
  return (
    <button
      type="button"
      {...rest}
      class={`button is-${kind} is-${size} ${extra}`}
      aria-busy={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : onClick}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** IconButton is a square button; label is what it is called. */
export function IconButton(props: Omit<ButtonProps, "label"> & { icon: IconName; label: string }) {
  const { icon, label, class: extra = "", children, kind = "quiet", ...rest } = props;
  return (
    <Button {...rest} kind={kind} class={`is-icon ${extra}`} icon={icon} aria-label={label} title={label}>
      {children}
    </Button>
  );
}

// ---- Sheet

export type SheetProps = Children &
  Data & {
    open: boolean;
    onClose(): void;
    title: ComponentChildren;
    /** Stays below the scrolling part. */
    footer?: ComponentChildren;
    /** It is for reading: nothing in it takes the focus, so that the keyboard scrolls the whole. */
    reading?: boolean;
    class?: string;
  };

/**
 * Sheet is a modal <dialog>: from the bottom on phones, a centred card or side panel
 * on wide screens. The browser keeps the focus inside and gives it back at the end.
 */
export function Sheet(p: SheetProps) {
  const { open, onClose, title, footer, reading, class: extra = "", children, ...data } = p;
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // After every render: a browser may close a dialog that its owner keeps open. Before the
  // paint: else an empty dialog would stand a moment longer and take the next Escape.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (open && !dialog?.open) dialog?.showModal();
    if (!open && dialog?.open) dialog.close();
  });
  const onCancel = (e: Event) => {
    e.preventDefault(); // Escape asks the owner, as the button does
    onClose();
  };
  const onBackdrop = (e: MouseEvent) => e.target === ref.current && onClose();
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog natively; this is its backdrop.
    <dialog
      ref={ref}
      class={`sheet ${extra}`}
      aria-labelledby={heading}
      onClose={onClose}
      onCancel={onCancel}
      onClick={onBackdrop}
      {...data}
    >
      {open && (
        <div class="sheet-box">
          <header class="sheet-head">
            <h2 id={heading}>{title}</h2>
            <IconButton icon="close" label={t("ui.close")} onClick={onClose} />
          </header>
          <div class="sheet-body" {...(reading && { tabIndex: 0 })}>
            {children}
          </div>
          {footer && <footer class="sheet-foot">{footer}</footer>}
        </div>
      )}
    </dialog>
  );
}

// ---- Toast

interface ToastItem {
  id: number;
  text: string;
  kind: "info" | "good" | "bad";
}
const toasts = signal<ToastItem[]>([]);
let toastId = 0;

/** toast says something in passing; it goes by itself and is read out politely. */
export function toast(text: string, kind: ToastItem["kind"] = "info"): void {
  const item = { id: ++toastId, text, kind };
  toasts.value = [...toasts.value.slice(-2), item];
  setTimeout(() => {
    toasts.value = toasts.value.filter((other) => other !== item);
  }, 3200);
}

/** Toasts is where toasts appear; one per page. Popover puts it above open dialogs. */
export function Toasts() {
  const ref = useRef<HTMLDivElement>(null);
  const shown = toasts.value.length > 0;
  useEffect(() => {
    const box = ref.current;
    if (!box?.showPopover) return;
    if (box.matches(":popover-open")) box.hidePopover();
    if (shown) box.showPopover(); // anew each time: the last one shown is on top
  }, [toasts.value, shown]);
  return (
    <div ref={ref} class="toasts" popover="manual" role="status">
      {toasts.value.map((item) => (
        <p key={item.id} class={`toast is-${item.kind}`}>
          {item.text}
        </p>
      ))}
    </div>
  );
}

// ---- Field

export type FieldProps = Omit<
  PartialInputHTMLAttributes<HTMLInputElement>,
  "class" | "role" | "type" | "onInput" | "value" | "label" | "prefix"
> &
  Data & {
    class?: string;
    type?: "text" | "tel" | "email" | "password" | "url" | "number" | "search";
    label: string;
    value: string;
    onInput(value: string): void;
    hint?: string;
    /** Shown in red and tied to the input; "" or undefined = fine. */
    error?: string | undefined;
    /** Draws a textarea of so many rows. */
    rows?: number;
    /** Stands before the input, e.g. a currency sign. */
    prefix?: string;
  };

/** Field is a label, an input, and its hint or error. */
export function Field({
  label,
  value,
  onInput,
  hint,
  error,
  rows,
  prefix,
  class: extra = "",
  ...rest
}: FieldProps) {
  const id = useId();
  const common = {
    id,
    value,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": error || hint ? `${id}-note` : undefined,
    onInput: (e: TargetedEvent<HTMLInputElement | HTMLTextAreaElement>) => onInput(e.currentTarget.value),
  };
  return (
    <div class={`field ${extra}`}>
      <label for={id}>{label}</label>
      <div class="field-box">
        {prefix && <span class="field-prefix">{prefix}</span>}
        {rows ? (
          <textarea {...(rest as TextareaHTMLAttributes)} {...common} rows={rows} />
        ) : (
          <input {...({ type: "text", ...rest, ...common } as InputHTMLAttributes)} />
        )}
      </div>
      {(error || hint) && (
        <p id={`${id}-note`} class={error ? "field-error" : "field-hint"}>
          {error || hint}
        </p>
      )}
    </div>
  );
}

// ---- small parts

/** Money writes minor units of the brand's currency in figures of equal width. */
export function Money({
  minor,
  short = false,
  class: extra = "",
}: {
  minor: number;
  short?: boolean;
  class?: string;
}) {
  return <span class={`money ${extra}`}>{formatMoney(minor, { short })}</span>;
}

/** Empty is what a list says when it has nothing, and what to do about it. */
export function Empty({ icon, title, children }: Children & { icon?: IconName; title: string }) {
  return (
    <div class="empty">
      {icon && <Icon name={icon} />}
      <p class="empty-title">{title}</p>
      {children && <div class="empty-text">{children}</div>}
    </div>
  );
}

/** StatusStrip is one polite line about the connection; empty children hide it but keep it announced. */
export function StatusStrip({
  kind = "info",
  children,
  ...data
}: Children & Data & { kind?: "info" | "warn" | "bad" }) {
  return (
    <div class={`strip is-${kind}`} role="status" data-testid="strip" {...data}>
      {children}
    </div>
  );
}

/** Badge is a small word in a coloured pill. */
export function Badge({
  kind = "plain",
  children,
}: Children & { kind?: "plain" | "accent" | "good" | "warn" | "bad" | "live" }) {
  return <span class={`badge is-${kind}`}>{children}</span>;
}

/** OrderBadge says an order's state in its colour. */
export function OrderBadge({ state }: { state: string }) {
  if (state === "paid") return <Badge kind="good">{t("order.paid")}</Badge>;
  if (state === "completed") return <Badge kind="good">{t("order.completed")}</Badge>;
  if (state === "closed") return <Badge>{t("order.closed")}</Badge>;
  if (state === "reserved") return <Badge kind="warn">{t("order.reserved")}</Badge>;
  if (state === "cancelled") return <Badge>{t("order.cancelled")}</Badge>;
  return <Badge>{t("order.expired")}</Badge>;
}

type StepperProps = Data & {
  value: number;
  min?: number;
  max?: number;
  label: string;
  onChange(value: number): void;
};

/** Stepper is − n +; below min the minus asks to remove by giving min − 1, unless min is 0. */
export function Stepper({ value, min = 1, max = 99, label, onChange, ...data }: StepperProps) {
  const removes = value <= min && min > 0;
  return (
    <fieldset class="stepper" aria-label={label} {...data}>
      <IconButton
        icon={removes ? "trash" : "minus"}
        label={t(removes ? "ui.remove" : "ui.less")}
        disabled={value <= 0}
        onClick={() => onChange(value - 1)}
      />
      <output>{value}</output>
      <IconButton
        icon="plus"
        label={t("ui.more")}
        disabled={value >= max}
        onClick={() => onChange(value + 1)}
      />
    </fieldset>
  );
}

const languages: [Lang, string, string][] = [
  ["zh-CN", "中文", "中"],
  ["en", "English", "EN"],
];

/** LangSwitch offers the other language in that language's own words. */
export function LangSwitch({ class: extra = "" }: { class?: string }) {
  const other = languages.find(([code]) => code !== lang.value);
  if (!other) return null;
  const [code, name, short] = other;
  return (
    <button
      type="button"
      class={`lang-switch ${extra}`}
      lang={code}
      aria-label={`${short} ${name}`}
      title={name}
      data-testid="lang-switch"
      onClick={() => void setLang(code)}
    >
      <Icon name="globe" />
      <span>{short}</span>
    </button>
  );
}

/** Spinner is for waits over 400 ms; it appears only then. */
export function Spinner({ label }: { label: string }) {
  return (
    <div class="loading" role="status">
      <span class="spinner" />
      <span>{label}</span>
    </div>
  );
}

/** Avatar shows the first letter of a name on a colour made from it. */
export function Avatar({ name }: { name: string }) {
  return (
    <span class="avatar" aria-hidden="true">
      {Array.from(name.trim())[0]?.toUpperCase() ?? "·"}
    </span>
  );
}

// ---- tools

/** copyText puts text on the clipboard and says so; it falls back where the clipboard is closed. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  toast(t("ui.copied"), "good");
}

const second = signal(Date.now());
let watchers = 0;
let clock: ReturnType<typeof setInterval> | undefined;

/** useNow gives the time in Unix ms, renewed every second while somebody looks. Add Socket.clockSkewMs for the server's. */
export function useNow(): ReadonlySignal<number> {
  useEffect(() => {
    second.value = Date.now();
    if (watchers++ === 0) clock = setInterval(() => (second.value = Date.now()), 1000);
    return () => {
      if (--watchers === 0) clearInterval(clock);
    };
  }, []);
  return second;
}
