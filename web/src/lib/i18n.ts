// Words of the interface. Keys are those of web/locale/en.json: a key that is not
// there is a type error, and zh-CN must have the same ones.
import { type ReadonlySignal, signal } from "@preact/signals";
import type enWords from "../../locale/en.json";
import type zhWords from "../../locale/zh-CN.json";
import type { Lang } from "./boot";

type En = typeof enWords;
type Zh = typeof zhWords;
type Same<A, B> = Exclude<keyof A, keyof B> extends never ? true : Exclude<keyof A, keyof B>;
// These two lines fail to compile when a language lacks a key; the error names it.
export const zhHasAll: Same<En, Zh> = true;
export const enHasAll: Same<Zh, En> = true;

export type Key = keyof En;
export type Params = Record<string, string | number>;
type Dictionary = Record<string, string>;
type Loaders = Record<Lang, () => Promise<{ default: Dictionary }>>;

const current = signal<Lang>("en");
const dictionary = signal<Dictionary>({});
let loaders: Loaders | undefined;

/** lang is the language now shown. */
export const lang: ReadonlySignal<Lang> = current;

/**
 * startI18n loads the first language; render after it. An entry passes
 * { en: () => import("locale:studio/en"), "zh-CN": () => import("locale:studio/zh-CN") }.
 */
export async function startI18n(first: Lang, from: Loaders): Promise<void> {
  loaders = from;
  await show(first);
}

/** setLang switches without a reload and leaves a cookie for the server's next shell. */
export async function setLang(next: Lang): Promise<void> {
  try {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in Safari and Firefox.
    document.cookie = `lang=${next};path=/;max-age=31536000;samesite=lax`;
  } catch {
    // A frame without storage keeps the language for this visit only.
  }
  await show(next);
}

async function show(next: Lang): Promise<void> {
  const loaded = await loaders?.[next]();
  if (!loaded) return;
  dictionary.value = loaded.default;
  current.value = next;
  document.documentElement.lang = next;
}

/**
 * t says a key in the language now shown. `{name}` is replaced; numbers are written
 * the language's way. `{n|one line|{n} lines}` picks by the plural of n.
 */
export function t(key: Key, params: Params = {}): string {
  const text = dictionary.value[key] ?? key;
  return text
    .replace(pluralPattern, (_, name, one, other) => pickPlural(params[name], one, other))
    .replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = params[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? formatNumber(value) : value;
    });
}

const pluralPattern = /\{(\w+)\|((?:[^{}|]|\{\w+\})*)\|((?:[^{}|]|\{\w+\})*)\}/g;

function pickPlural(value: string | number | undefined, one: string, other: string): string {
  return new Intl.PluralRules(current.value).select(Number(value)) === "one" ? one : other;
}

/** tCode says an error code of the server ("out_of_stock"); unknown ones read as a general fault. */
export function tCode(code: string): string {
  const key = `error.${code}`;
  return dictionary.value[key] ?? t("error.internal");
}

/** formatNumber groups digits: 12,384. */
export function formatNumber(value: number): string {
  return new Intl.NumberFormat(current.value).format(value);
}

/** formatCount shortens: 12K, 1.2万. */
export function formatCount(value: number): string {
  const options = { notation: "compact", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(current.value, value < 1000 ? {} : options).format(value);
}

/** formatTime is the clock time of a Unix ms: 20:15. */
export function formatTime(ms: number): string {
  return new Intl.DateTimeFormat(current.value, { hour: "2-digit", minute: "2-digit" }).format(ms);
}

/** formatDateTime is day and time of a Unix ms. */
export function formatDateTime(ms: number): string {
  return new Intl.DateTimeFormat(current.value, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

/** formatDuration is a span as 4:05 or 1:04:05; negative spans read 0:00. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** formatPercent writes basis points: 1250 → 12.5%. */
export function formatPercent(basisPoints: number): string {
  const options = { style: "percent", maximumFractionDigits: 2 } as const;
  return new Intl.NumberFormat(current.value, options).format(basisPoints / 10_000);
}

/** shortOrder is how people say an order's number; the full id stays in data-order. */
export function shortOrder(id: string): string {
  return id.slice(-8).toUpperCase();
}
