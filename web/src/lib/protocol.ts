// Generated from signaling/message.go by `make generate`. Do not edit.

/** The kind of page behind a socket. */
export type Face = "room" | "studio" | "desk";

export interface Answer {
  media: string;
  sdp: string;
}

export interface BrandInfo {
  name: string;
  currency: string;
  exponent: number;
  providers: string[];
}

export interface Candidate {
  media: string;
  candidate: string;
  mid: string;
}

export interface Cart {
  lines: CartLine[];
}

export interface CartLine {
  sku: string;
  qty: number;
}

export interface CartSet {
  sku: string;
  qty: number;
}

export interface ChatLine {
  seq: number;
  id: string;
  key: string;
  from: string;
  nick: string;
  text: string;
  at_ms: number;
  room_id: string;
  room: string;
}

export interface ChatLines {
  lines: ChatLine[];
}

export interface ChatNick {
  nick: string;
}

export interface ChatRef {
  id: string;
}

export interface ChatSay {
  key: string;
  text: string;
  room_id?: string;
}

export interface CheckoutLine {
  sku: string;
  qty: number;
  unit_minor: number;
  offer?: string;
}

export interface CheckoutPlace {
  key: string;
  lines: CheckoutLine[];
  name: string;
  phone: string;
  email: string;
  address: string;
  coupon?: string;
  shipping?: string;
  provider: string;
}

export interface DeskInfo {
  distributor: DistributorInfo;
  rooms: RoomInfo[];
  totals: Totals;
}

export interface DistributorCreate {
  key: string;
  name: string;
  rate_bp: number;
  slug: string;
}

export interface DistributorCreated {
  distributor: DistributorInfo;
  room: RoomInfo;
  sign_in_url: string;
}

export interface DistributorInfo {
  id: string;
  name: string;
  state: string;
  rate_bp: number;
  totals: Totals;
}

export interface DistributorRef {
  id: string;
}

export interface DistributorSet {
  id: string;
  state: string;
  rate_bp: number;
}

export interface Explanation {
  order: string;
  currency: string;
  distributor: string;
  reason: string;
  steps: Step[];
}

export interface Failure {
  code: string;
  message: string;
  field?: string;
}

export interface Hello {
  face: Face;
  ticket?: string;
  nick?: string;
  since?: number;
}

export interface LayerInfo {
  id: string;
  width: number;
  height: number;
  bitrate: number;
  active: boolean;
}

export interface Link {
  url: string;
}

export interface MediaGone {
  media: string;
  reason: string;
}

export interface MediaRef {
  media: string;
}

export interface MediaWant {
  media: string;
  video: string;
}

export interface Method {
  id: string;
  name: string;
  price_minor: number;
  free_over_minor: number;
}

export interface Nothing {
}

export interface Offer {
  media: string;
  sdp: string;
}

export interface Order {
  id: string;
  state: string;
  payment_state: string;
  fulfillment_state: string;
  provider: string;
  pay_url: string;
  page_url: string;
  lines: OrderLine[];
  discount_minor: number;
  shipping_minor: number;
  tax_minor: number;
  tax_inclusive: boolean;
  total_minor: number;
  refunded_minor: number;
  coupon: string;
  shipping: string;
  shipments: Shipment[];
  late: boolean;
  placed_ms: number;
  pay_by_ms: number;
  paid_ms: number;
  room: string;
  distributor: string;
  distributor_id: string;
  reason: string;
  commission_minor: number;
  buyer: string;
  phone: string;
  email: string;
  address: string;
}

export interface OrderLine {
  sku: string;
  title: string;
  variant: string;
  qty: number;
  unit_minor: number;
  discount_minor: number;
  net_minor: number;
  refunded_qty: number;
}

export interface OrderPay {
  id: string;
  provider: string;
}

export interface OrderReassign {
  id: string;
  distributor_id: string;
  why: string;
}

export interface OrderRef {
  id: string;
}

export interface OrderRefund {
  key: string;
  id: string;
  lines: RefundLine[];
  restock: boolean;
  reason: string;
}

export interface OrderShip {
  id: string;
  carrier: string;
  tracking: string;
}

export interface PinInfo {
  product: string;
}

export interface Playing {
  media: string;
  first_frame_ms: number;
}

export interface Pong {
  server_ms: number;
}

export interface Presence {
  rooms: RoomViewers[];
}

export interface Product {
  id: string;
  sku: string;
  number: number;
  title: string;
  description: string;
  picture: string;
  price_minor: number;
  available: number;
  reserved: number;
  sold: number;
  on_shelf: boolean;
  variants: Variant[];
}

export interface ProductGone {
  id: string;
}

export interface ProductRef {
  id: string;
}

export interface ProductSave {
  id?: string;
  key?: string;
  title: string;
  description: string;
  picture?: string;
  price_minor: number;
  add_stock: number;
}

export interface ProductShelf {
  id: string;
  on: boolean;
}

export interface Quote {
  lines: OrderLine[];
  gross_minor: number;
  discount_minor: number;
  shipping_minor: number;
  tax_minor: number;
  tax_inclusive: boolean;
  total_minor: number;
  shipping: string;
  methods: Method[];
}

export interface QuoteAsk {
  lines: CheckoutLine[];
  coupon?: string;
  shipping?: string;
}

export interface RefundLine {
  line: number;
  qty: number;
}

export interface RoomCreate {
  key: string;
  distributor_id: string;
  name: string;
  slug: string;
}

export interface RoomInfo {
  id: string;
  slug: string;
  name: string;
  distributor: string;
  viewers: number;
  link: string;
}

export interface RoomState {
  id: string;
  name: string;
  distributor: string;
  viewers: number;
  nick: string;
  cart: Cart;
}

export interface RoomViewers {
  room_id: string;
  viewers: number;
}

export interface SKURef {
  sku: string;
}

export interface Share {
  id: string;
  link: string;
  qr: string;
  code: string;
}

export interface Shipment {
  carrier: string;
  tracking: string;
  units: number[];
  at: number;
}

export interface ShowInfo {
  id: string;
  title: string;
  state: string;
  started_ms: number;
  ended_ms: number;
  pinned: string;
}

export interface ShowStart {
  title: string;
}

export interface StageInfo {
  live: boolean;
  away: boolean;
  video: string;
  audio: string;
  since_ms: number;
  source: string;
  bitrate: number;
  standby: boolean;
  warnings: string[];
  layers: LayerInfo[];
}

export interface StageKey {
  key: string;
  whip_url: string;
}

export interface StageKeyCreate {
  label: string;
}

export interface StageTicket {
  bearer: string;
}

export interface StageTicketAsk {
  take_over: boolean;
}

export interface Step {
  at: number;
  kind: string;
  room?: string;
  distributor?: string;
  party?: string;
  role?: string;
  sharer?: string;
  binding?: string;
  stage?: string;
  until?: number;
  line?: number;
  title?: string;
  rule?: string;
  rate_bp?: number;
  fixed_minor?: number;
  base_minor?: number;
  amount_minor?: number;
  why?: string;
  entry?: string;
  account?: string;
  token?: string;
}

export interface StudioInfo {
  name: string;
  distributors: DistributorInfo[];
  rooms: RoomInfo[];
  totals: Totals;
  whip_url: string;
}

export interface Totals {
  orders: number;
  sales_minor: number;
  commission_minor: number;
}

export interface Variant {
  sku: string;
  name: string;
  picture: string;
  price_minor: number;
  list_minor: number;
  offer: string;
  closes_ms: number;
  available: number;
  reserved: number;
  sold: number;
}

export interface Welcome {
  server_ms: number;
  brand: BrandInfo;
  show: ShowInfo;
  stage: StageInfo;
  products: Product[];
  chat: ChatLine[];
  chat_gone: string[];
  orders: Order[];
  room?: RoomState;
  studio?: StudioInfo;
  desk?: DeskInfo;
}

/** What a client may ask and what comes back. */
export interface Calls {
  "hello": { req: Hello; res: Welcome };
  "ping": { req: Nothing; res: Pong };
  "watch": { req: Nothing; res: Offer };
  "answer": { req: Answer; res: Nothing };
  "candidate": { req: Candidate; res: Nothing };
  "unwatch": { req: MediaRef; res: Nothing };
  "media.want": { req: MediaWant; res: Nothing };
  "playing": { req: Playing; res: Nothing };
  "chat.say": { req: ChatSay; res: ChatLine };
  "chat.nick": { req: ChatNick; res: Nothing };
  "chat.delete": { req: ChatRef; res: Nothing };
  "cart.set": { req: CartSet; res: Cart };
  "cart.remove": { req: SKURef; res: Cart };
  "checkout.quote": { req: QuoteAsk; res: Quote };
  "checkout.place": { req: CheckoutPlace; res: Order };
  "order.pay": { req: OrderPay; res: Order };
  "order.cancel": { req: OrderRef; res: Order };
  "order.confirm": { req: OrderRef; res: Order };
  "order.ship": { req: OrderShip; res: Order };
  "order.deliver": { req: OrderRef; res: Order };
  "order.refund": { req: OrderRefund; res: Order };
  "order.reassign": { req: OrderReassign; res: Order };
  "order.explain": { req: OrderRef; res: Explanation };
  "share.join": { req: Nothing; res: Share };
  "show.start": { req: ShowStart; res: ShowInfo };
  "show.end": { req: Nothing; res: ShowInfo };
  "product.save": { req: ProductSave; res: Product };
  "product.shelf": { req: ProductShelf; res: Product };
  "product.pin": { req: ProductRef; res: ShowInfo };
  "distributor.create": { req: DistributorCreate; res: DistributorCreated };
  "distributor.set": { req: DistributorSet; res: DistributorInfo };
  "distributor.link": { req: DistributorRef; res: Link };
  "room.create": { req: RoomCreate; res: RoomInfo };
  "stage.ticket": { req: StageTicketAsk; res: StageTicket };
  "stage.key": { req: StageKeyCreate; res: StageKey };
}

/** What the server says unasked. */
export type PushMessage =
  | { t: "show"; d: ShowInfo }
  | { t: "stage"; d: StageInfo }
  | { t: "product"; d: Product }
  | { t: "product.gone"; d: ProductGone }
  | { t: "pin"; d: PinInfo }
  | { t: "chat"; d: ChatLines }
  | { t: "chat.gone"; d: ChatRef }
  | { t: "presence"; d: Presence }
  | { t: "cart"; d: Cart }
  | { t: "order"; d: Order }
  | { t: "totals"; d: Totals }
  | { t: "distributor"; d: DistributorInfo }
  | { t: "room"; d: RoomInfo }
  | { t: "media.gone"; d: MediaGone };

/** Close codes: whether to come back. */
export const CLOSE = { comeBack: 4000, signIn: 4001, protocol: 4002 } as const;

/** Bounds the server enforces. */
export const LIMITS = { chatRunes: 200, nickRunes: 24, quantity: 99 } as const;
