// The page's one WebSocket: requests with answers, pushes, and coming back by itself.
//
//   connecting ──welcome──► open ──lost──► retrying ──timer──► connecting
//                                 └─the browser says the network is gone─► offline
//   any ──4002, or no way to renew the ticket──► gone (for good)
//
// A call sent with `queue` is a promise to deliver: it waits while there is no
// connection and is sent again, byte for byte with the same idempotency key, when the
// connection broke before its answer came. Everything else fails at once with code
// "offline". The server sends a full snapshot at every welcome, so nothing is replayed.
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { setServerClock, skewMs } from "./clock";
import type { Calls, Failure, Hello, PushMessage, Welcome } from "./protocol";
import { renewSession } from "./session";

export type SocketState = "connecting" | "open" | "retrying" | "offline" | "gone";

/** The server's refusal, or "offline", "timeout", "busy" of our own making. */
export class CallError extends Error {
  constructor(
    readonly code: string,
    message = code,
    readonly field = "",
  ) {
    super(message);
  }
}

export interface CallOptions {
  /** Wait for a connection and send again after one is lost. The request must be harmless to repeat. */
  queue?: boolean;
  /** Default 10 s for plain calls, unlimited for queued ones. */
  timeoutMs?: number;
}

export interface Socket {
  readonly state: ReadonlySignal<SocketState>;
  /** Unix ms of the next attempt while retrying or offline, else 0. */
  readonly retryAt: ReadonlySignal<number>;
  /** Why the state is "gone": an error code, else "". */
  readonly reason: ReadonlySignal<string>;
  /** Server clock minus ours in ms, measured at each welcome. */
  readonly clockSkewMs: ReadonlySignal<number>;
  call<K extends keyof Calls>(t: K, d: Calls[K]["req"], o?: CallOptions): Promise<Calls[K]["res"]>;
  retryNow(): void;
  close(): void;
}

export interface SocketOptions {
  hello(): Hello | Promise<Hello>;
  onWelcome(welcome: Welcome): void;
  onPush(message: PushMessage): void;
}

interface Waiting {
  id: string;
  text: string;
  queue: boolean;
  resolve(d: unknown): void;
  reject(e: CallError): void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const stepsMs = [1000, 2000, 4000, 8000, 15_000];
const pingEveryMs = 10_000;
const pongWithinMs = 5000;
const helloWithinMs = 10_000;
const maxQueued = 64;
const closeComeBack = 4000;
const closeSignIn = 4001;
const closeProtocol = 4002;

/** backoffMs is how long to wait before attempt n (0 = the first after a loss): 1, 2, 4, 8, 15 s ± 20 %. */
export function backoffMs(attempt: number, random = Math.random()): number {
  const step = stepsMs[Math.min(attempt, stepsMs.length - 1)] ?? 15_000;
  return Math.round(step * (0.8 + 0.4 * random));
}

/** connect opens the page's socket and keeps it open until close. */
export function connect(options: SocketOptions): Socket {
  return new Connection(options);
}

class Connection implements Socket {
  readonly state = signal<SocketState>("connecting");
  readonly retryAt = signal(0);
  readonly reason = signal("");
  readonly clockSkewMs = skewMs;

  private ws: WebSocket | undefined;
  private attempt = 0;
  private renewals = 0; // renewed tickets since the last welcome; a second refusal is final
  private lastId = 0;
  private readonly sent = new Map<string, Waiting>(); // on the wire, answer pending; oldest first
  private queued: Waiting[] = []; // for the next connection; oldest first
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopListening = new AbortController();

  constructor(private readonly options: SocketOptions) {
    const on = { signal: this.stopListening.signal };
    addEventListener("offline", () => this.onOffline(), on);
    addEventListener("online", () => this.retryNow(), on);
    addEventListener("pageshow", () => this.probe(), on);
    document.addEventListener("visibilitychange", () => this.probe(), on);
    void this.open();
  }

  call<K extends keyof Calls>(t: K, d: Calls[K]["req"], o: CallOptions = {}): Promise<Calls[K]["res"]> {
    const queue = o.queue ?? false;
    const timeoutMs = o.timeoutMs ?? (queue ? 0 : 10_000);
    return new Promise((resolve, reject) => {
      const id = String(++this.lastId);
      const text = JSON.stringify({ t, id, d });
      const w: Waiting = {
        id,
        text,
        queue,
        resolve: resolve as Waiting["resolve"],
        reject,
        timer: undefined,
      };
      if (this.state.value === "open") this.send(w);
      else if (!queue || this.state.value === "gone") return reject(new CallError("offline"));
      else if (this.queued.length >= maxQueued) return reject(new CallError("busy"));
      else this.queued.push(w);
      if (timeoutMs > 0) w.timer = setTimeout(() => this.giveUp(w, "timeout"), timeoutMs);
    });
  }

  retryNow(): void {
    const state = this.state.value;
    if (state === "retrying" || state === "offline") void this.open();
  }

  close(): void {
    this.end("closed");
  }

  // ---- one connection

  private async open(): Promise<void> {
    clearTimeout(this.retryTimer);
    this.retryAt.value = 0;
    this.state.value = "connecting";
    const ws = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`);
    this.ws = ws;
    ws.onclose = (e) => this.ws === ws && this.onClose(e.code);
    ws.onmessage = (e) => this.ws === ws && this.onMessage(String(e.data));
    ws.onopen = () => void this.greet(ws);
    this.pingTimer = setTimeout(() => this.lose(), helloWithinMs);
  }

  private async greet(ws: WebSocket): Promise<void> {
    const d = await this.options.hello();
    if (this.ws !== ws) return;
    const resolve = (welcome: unknown) => this.onWelcome(welcome as Welcome);
    const id = String(++this.lastId);
    // A refused hello is followed by the server's close code, which decides what comes next.
    const reject = (e: CallError) => this.ws === ws && this.onRefused(e.code);
    this.send({
      id,
      text: JSON.stringify({ t: "hello", id, d }),
      queue: false,
      resolve,
      reject,
      timer: undefined,
    });
  }

  private onRefused(code: string): void {
    const ticketIsBad = ["bad_token", "expired_token", "unauthorized", "forbidden"].includes(code);
    this.onClose(ticketIsBad ? closeSignIn : closeComeBack);
  }

  private onWelcome(welcome: Welcome): void {
    this.attempt = 0;
    this.renewals = 0;
    setServerClock(welcome.server_ms);
    clearTimeout(this.pingTimer);
    this.schedulePing(pingEveryMs);
    batch(() => {
      this.state.value = "open";
      this.options.onWelcome(welcome);
    });
    for (const w of this.queued.splice(0)) this.send(w);
  }

  private onMessage(text: string): void {
    const m = JSON.parse(text) as { t: string; id?: string; d: unknown };
    if (m.t !== "ok" && m.t !== "error") return this.options.onPush(m as PushMessage);
    const w = this.sent.get(m.id ?? "");
    if (!w) return; // the caller gave up on it
    this.sent.delete(w.id);
    clearTimeout(w.timer);
    if (m.t === "ok") return w.resolve(m.d);
    const failure = m.d as Failure;
    w.reject(new CallError(failure.code, failure.message, failure.field));
  }

  private send(w: Waiting): void {
    this.sent.set(w.id, w);
    this.ws?.send(w.text);
  }

  private giveUp(w: Waiting, code: string): void {
    this.sent.delete(w.id);
    this.queued = this.queued.filter((other) => other !== w);
    clearTimeout(w.timer);
    w.reject(new CallError(code));
  }

  // ---- losing it and coming back

  private schedulePing(inMs: number): void {
    clearTimeout(this.pingTimer);
    this.pingTimer = setTimeout(() => {
      this.call("ping", {}, { timeoutMs: pongWithinMs }).then(
        () => this.state.value === "open" && this.schedulePing(pingEveryMs),
        () => this.state.value === "open" && this.lose(),
      );
    }, inMs);
  }

  // A page that comes back to the front may hold a socket that died while it slept.
  private probe(): void {
    if (document.visibilityState !== "visible") return;
    if (this.state.value === "open") this.schedulePing(0);
    else this.retryNow();
  }

  private onOffline(): void {
    if (this.state.value === "gone") return;
    this.drop();
    this.retryIn("offline", 15_000); // "online" comes first where the browser can be believed
  }

  // lose ends a connection that no longer answers, without waiting for its close event.
  private lose(): void {
    this.onClose(1006);
  }

  private onClose(code: number): void {
    if (this.state.value === "gone") return;
    this.drop();
    if (code === closeProtocol) return this.end("protocol");
    if (code === closeSignIn) return void this.renew();
    this.retryIn("retrying", backoffMs(this.attempt++));
  }

  private retryIn(state: "retrying" | "offline", ms: number): void {
    this.state.value = state;
    this.retryAt.value = Date.now() + ms;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => void this.open(), ms);
  }

  private async renew(): Promise<void> {
    if (this.renewals++ > 0) return this.end("bad_token");
    this.state.value = "connecting";
    try {
      const refusal = await renewSession();
      if (refusal) this.end(refusal);
      else void this.open();
    } catch {
      this.renewals = 0; // the server could not be reached: nothing was refused
      this.retryIn("retrying", backoffMs(this.attempt++));
    }
  }

  // drop takes the connection away: queued calls go back into the queue, in order, others fail.
  private drop(): void {
    clearTimeout(this.pingTimer);
    clearTimeout(this.retryTimer);
    const ws = this.ws;
    this.ws = undefined;
    ws?.close();
    const pending = [...this.sent.values()];
    this.sent.clear();
    this.queued = [...pending.filter((w) => w.queue), ...this.queued];
    for (const w of pending.filter((w) => !w.queue)) this.giveUp(w, "offline");
  }

  private end(reason: string): void {
    this.drop();
    this.stopListening.abort();
    this.reason.value = reason;
    this.state.value = "gone";
    this.retryAt.value = 0;
    for (const w of [...this.queued]) this.giveUp(w, "offline");
  }
}
