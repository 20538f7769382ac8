// What a page where people work (studio, desk) knows of the running show: a
// snapshot from the welcome, kept current by pushes. The room page has its own,
// because it knows less.

import { batch, computed, signal } from "@preact/signals";
import { skewMs } from "../clock";
import { setCurrency } from "../money";
import { endOffersInTime } from "../offers";
import type {
  BrandInfo,
  ChatLine,
  DistributorInfo,
  Face,
  Order,
  Product,
  PushMessage,
  RoomInfo,
  ShowInfo,
  StageInfo,
  Totals,
  Welcome,
} from "../protocol";
import { connect, type Socket } from "../socket";
import { useNow } from "../ui";

/** The page keeps this many; the server remembers the rest. */
const maxOrders = 300;
const maxChat = 400;

/** False until the first welcome: draw skeletons. */
export const ready = signal(false);
export const brand = signal<BrandInfo>({ name: "", currency: "", exponent: 2, providers: [] });
export const show = signal<ShowInfo>({
  id: "",
  title: "",
  state: "draft",
  started_ms: 0,
  ended_ms: 0,
  pinned: "",
});
export const stage = signal<StageInfo>({
  live: false,
  away: false,
  video: "",
  audio: "",
  since_ms: 0,
  source: "",
  bitrate: 0,
  standby: false,
  warnings: [],
  layers: [],
});
export const products = signal<Product[]>([]);
endOffersInTime(products);
export const chat = signal<ChatLine[]>([]);
export const orders = signal<Order[]>([]);
export const rooms = signal<RoomInfo[]>([]);
/** Studio: all; desk: the one who is signed in. */
export const distributors = signal<DistributorInfo[]>([]);
export const totals = signal<Totals>({ orders: 0, sales_minor: 0, commission_minor: 0 });
/** Who is signed in. */
export const person = signal("");
export const whipURL = signal("");
export const viewers = computed(() => rooms.value.reduce((sum, r) => sum + r.viewers, 0));

/** The server's clock, renewed every second while the component is shown. */
export function useServerNow(): number {
  return useNow().value + skewMs.value;
}

/** Connects this face and keeps the signals current. Call once. The listeners hear after the signals have changed. */
export function goLive(
  face: Face,
  listen: { onWelcome?(w: Welcome): void; onPush?(m: PushMessage): void } = {},
): Socket {
  return connect({
    hello: () => ({ face, since: chat.value.at(-1)?.seq ?? 0 }),
    onWelcome: (w) => {
      welcomed(w);
      listen.onWelcome?.(w);
    },
    onPush: (m) => {
      batch(() => pushed(m));
      listen.onPush?.(m);
    },
  });
}

function welcomed(w: Welcome): void {
  batch(() => {
    brand.value = w.brand;
    setCurrency(w.brand.currency, w.brand.exponent);
    show.value = w.show;
    stage.value = w.stage;
    products.value = [...w.products].sort(byNumber);
    chat.value = mergeChat(chat.value, w.chat).filter((line) => !w.chat_gone.includes(line.id));
    orders.value = w.orders;
    const own = w.studio ?? w.desk;
    rooms.value = own?.rooms ?? [];
    totals.value = own?.totals ?? totals.value;
    distributors.value = w.studio?.distributors ?? (w.desk ? [w.desk.distributor] : []);
    person.value = w.studio?.name ?? w.desk?.distributor.name ?? "";
    whipURL.value = w.studio?.whip_url ?? "";
    ready.value = true;
  });
}

function pushed(m: PushMessage): void {
  switch (m.t) {
    case "show":
      show.value = m.d;
      return;
    case "stage":
      stage.value = m.d;
      return;
    case "pin":
      show.value = { ...show.value, pinned: m.d.product };
      return;
    case "product":
      products.value = upsert(products.value, m.d).sort(byNumber);
      return;
    case "chat":
      chat.value = mergeChat(chat.value, m.d.lines);
      return;
    case "chat.gone":
      chat.value = chat.value.filter((line) => line.id !== m.d.id);
      return;
    case "order":
      orders.value = keepOrder(orders.value, m.d);
      return;
    case "totals":
      totals.value = m.d;
      return;
    default:
      pushedPeople(m);
  }
}

function pushedPeople(m: PushMessage): void {
  switch (m.t) {
    case "distributor":
      distributors.value = upsert(distributors.value, m.d);
      return;
    case "room":
      rooms.value = upsert(rooms.value, m.d);
      return;
    case "presence": {
      const counts = new Map(m.d.rooms.map((r) => [r.room_id, r.viewers]));
      rooms.value = rooms.value.map((r) => ({ ...r, viewers: counts.get(r.id) ?? r.viewers }));
      return;
    }
  }
}

/** Puts a new or changed order into the list, newest first. A command's reply goes through here too. */
export function keepOrder(list: Order[], order: Order): Order[] {
  if (list.some((o) => o.id === order.id)) return upsert(list, order);
  return [order, ...list].slice(0, maxOrders);
}

/** Replaces the item of the same id, or appends it. Always a new array. */
export function upsert<T extends { id: string }>(list: T[], item: T): T[] {
  const at = list.findIndex((x) => x.id === item.id);
  return at < 0 ? [...list, item] : list.map((x, i) => (i === at ? item : x));
}

/** Adds lines not yet shown, in the server's order. */
export function mergeChat(list: ChatLine[], more: ChatLine[]): ChatLine[] {
  const known = new Set(list.map((line) => line.id));
  const fresh = more.filter((line) => !known.has(line.id));
  if (fresh.length === 0) return list;
  return [...list, ...fresh].sort((a, b) => a.seq - b.seq).slice(-maxChat);
}

function byNumber(a: Product, b: Product): number {
  return a.number - b.number;
}
