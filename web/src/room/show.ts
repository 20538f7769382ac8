// What the room page knows: a snapshot from the boot data, replaced at every welcome
// and kept current by pushes. The socket is opened here and nowhere else.
import { batch, computed, signal } from "@preact/signals";
import { readBoot } from "../lib/boot";
import { setCurrency } from "../lib/money";
import { endOffersInTime } from "../lib/offers";
import { createPlayer, type Wish } from "../lib/player";
import type { Cart, Order, Product, PushMessage, Variant, Welcome } from "../lib/protocol";
import { roomHello } from "../lib/session";
import { connect } from "../lib/socket";
import { recall, remember } from "../lib/storage";
import { addChat, chatGone, lastSeq } from "./chat";

const boot = readBoot();
setCurrency(boot.brand.currency, boot.brand.exponent);

export const brand = signal(boot.brand);
export const room = signal({ ...boot.room, viewers: 0, nick: recall<string>("nick") ?? "" });
export const show = signal(boot.show);
export const products = signal<Product[]>(boot.products);
endOffersInTime(products);
/** The bag as the server last told it; what is shown is bag.ts's lines. */
export const cart = signal<Cart>({ lines: [] });
/** The viewer's own orders, newest first. */
export const orders = signal<Order[]>([]);
/** False until the first welcome. */
export const welcomed = signal(false);

export const socket = connect({
  hello: () => roomHello({ nick: room.value.nick, since: lastSeq() }),
  onWelcome,
  onPush,
});
export const player = createPlayer(socket, recall<Wish>("picture") ?? (savesData() ? "low" : "auto"));

/** choosePicture is the viewer's own choice, remembered on this device. */
export function choosePicture(wish: Wish): void {
  remember("picture", wish);
  player.setWish(wish);
  if (wish === "off") player.setMuted(false); // who wants to listen wants to hear
}

/** The browser's own data saver, where there is one. */
function savesData(): boolean {
  return (navigator as { connection?: { saveData?: boolean } }).connection?.saveData ?? false;
}

/** The product being explained now, if it is on the shelf. */
export const pinned = computed(() => products.value.find((p) => p.id === show.value.pinned));

/**
 * phase is the one thing the stage shows:
 *   gone        no way back: the ticket, the room or the page's version is not good
 *   unsupported this browser cannot play
 *   draft       the show has not begun
 *   ended       the show is over
 *   connecting  picture on its way
 *   live        picture on the screen (maybe standing still)
 *   away        on air, but nothing comes from the host
 *   listening   sound without a picture
 */
export const phase = computed(() => {
  if (socket.state.value === "gone") return "gone";
  if (show.value.state === "ended") return "ended";
  if (show.value.state === "draft") return "draft";
  if (!player.supported) return "unsupported";
  switch (player.state.value) {
    case "playing":
      return "live";
    case "stalled":
      return player.wish.value === "off" ? "listening" : "live";
    case "away":
    case "listening":
      return player.state.value;
    default:
      return "connecting";
  }
});

function onWelcome(w: Welcome): void {
  batch(() => {
    setCurrency(w.brand.currency, w.brand.exponent);
    brand.value = w.brand;
    show.value = w.show;
    products.value = byNumber(w.products);
    orders.value = w.orders;
    addChat(w.chat);
    chatGone(w.chat_gone);
    if (w.room) {
      const { name, distributor, viewers, nick } = w.room;
      room.value = { ...room.value, name, distributor, viewers, nick };
      cart.value = w.room.cart;
    }
    welcomed.value = true;
  });
  player.onWelcome(w.stage);
}

function onPush(m: PushMessage): void {
  player.onPush(m);
  switch (m.t) {
    case "show":
      show.value = m.d;
      break;
    case "pin":
      show.value = { ...show.value, pinned: m.d.product };
      break;
    case "product":
      products.value = byNumber([...products.value.filter((p) => p.id !== m.d.id), m.d]);
      break;
    case "product.gone":
      // It may lie in a bag: keep it, so that its row can say so.
      products.value = products.value.map((p) => (p.id === m.d.id ? { ...p, on_shelf: false } : p));
      break;
    case "chat":
      addChat(m.d.lines);
      break;
    case "chat.gone":
      chatGone([m.d.id]);
      break;
    case "presence":
      room.value = { ...room.value, viewers: m.d.rooms[0]?.viewers ?? room.value.viewers };
      break;
    case "cart":
      cart.value = m.d;
      break;
    case "order":
      setOrder(m.d);
      break;
  }
}

/** setOrder puts an order into the list: an answer and a push may both bring it. */
export function setOrder(order: Order): void {
  const known = orders.value.some((o) => o.id === order.id);
  orders.value = known ? orders.value.map((o) => (o.id === order.id ? order : o)) : [order, ...orders.value];
}

/** What can be bought: a variant and the product it is of. */
export interface Item {
  product: Product;
  variant: Variant;
}

/** itemOf finds what a SKU stands for. */
export function itemOf(sku: string): Item | undefined {
  for (const product of products.value) {
    const variant = product.variants.find((v) => v.sku === sku);
    if (variant) return { product, variant };
  }
  return undefined;
}

/** nameOf is what an item is called where its product is not beside it: Cloud Cream, 50 g. */
export function nameOf({ title }: { title: string }, { name }: { name: string }): string {
  return name ? `${title}, ${name}` : title;
}

function byNumber(list: Product[]): Product[] {
  return [...list].sort((a, b) => a.number - b.number);
}
