import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { PushMessage, Welcome } from "./protocol";
import { backoffMs, CallError, connect, type Socket } from "./socket";

// A server that answers when the test says so.
class FakeSocket {
  static all: FakeSocket[] = [];
  static last(): FakeSocket {
    const ws = FakeSocket.all.at(-1);
    assert.ok(ws);
    return ws;
  }
  onopen?: () => void;
  onclose?: (e: { code: number }) => void;
  onmessage?: (e: { data: string }) => void;
  sent: { t: string; id: string; d: Record<string, unknown> }[] = [];
  closed = false;
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  say(m: object): void {
    this.onmessage?.({ data: JSON.stringify(m) });
  }
  ask(t: string) {
    return this.sent.filter((m) => m.t === t);
  }
  ok(t: string, d: object = {}): void {
    this.say({ t: "ok", id: this.ask(t).at(-1)?.id, d });
  }
  /** From dialled to welcome. */
  async welcome(): Promise<void> {
    this.onopen?.();
    await settle();
    this.ok("hello", { server_ms: Date.now() + 5000 });
    await settle();
  }
}

const settle = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};
const listeners = new Map<string, () => void>();
const welcomes: Welcome[] = [];
const pushes: PushMessage[] = [];
let visits: { status: number; body: object }[] = [];
let socket: Socket;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  FakeSocket.all = [];
  welcomes.length = 0;
  pushes.length = 0;
  visits = [];
  const listen = (name: string, f: () => void) => listeners.set(name, f);
  const boot = {
    textContent: JSON.stringify({ face: "room", ticket: "t1", token: "rt1", room: { slug: "lin" } }),
  };
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    addEventListener: listen,
    document: { addEventListener: listen, visibilityState: "visible", getElementById: () => boot },
    location: { origin: "https://live.example" },
    fetch: async () => {
      const visit = visits.shift();
      if (!visit) throw new Error("unreachable");
      return { ok: visit.status < 300, status: visit.status, json: async () => visit.body };
    },
  });
  socket = connect({
    hello: () => ({ face: "room", ticket: "t1" }),
    onWelcome: (w) => welcomes.push(w),
    onPush: (m) => pushes.push(m),
  });
});
afterEach(() => {
  socket.close();
  mock.timers.reset();
});

test("says hello, takes the welcome, then answers and pushes", async () => {
  assert.equal(FakeSocket.last().url, "wss://live.example/ws");
  assert.equal(socket.state.value, "connecting");
  await FakeSocket.last().welcome();
  assert.equal(socket.state.value, "open");
  assert.equal(socket.clockSkewMs.value, 5000);
  assert.equal(welcomes.length, 1);
  const answer = socket.call("cart.set", { sku: "a", qty: 2 });
  FakeSocket.last().ok("cart.set", { lines: [{ sku: "a", qty: 2 }] });
  assert.deepEqual(await answer, { lines: [{ sku: "a", qty: 2 }] });
  FakeSocket.last().say({ t: "pin", d: { product: "p1" } });
  assert.deepEqual(pushes, [{ t: "pin", d: { product: "p1" } }]);
});

test("an error answer rejects with code and field", async () => {
  await FakeSocket.last().welcome();
  const answer = socket.call("chat.nick", { nick: "" });
  const id = FakeSocket.last().ask("chat.nick")[0]?.id;
  FakeSocket.last().say({ t: "error", id, d: { code: "bad_input", message: "no", field: "nick" } });
  await assert.rejects(answer, (e) => e instanceof CallError && e.code === "bad_input" && e.field === "nick");
});

test("comes back after 1, 2, 4, 8, 15, 15 s, and from 1 s again after a welcome", async () => {
  const random = Math.random;
  Math.random = () => 0.5;
  try {
    for (const ms of [1000, 2000, 4000, 8000, 15_000, 15_000]) {
      const dialled = FakeSocket.all.length;
      FakeSocket.last().onclose?.({ code: 1006 });
      assert.equal(socket.state.value, "retrying");
      assert.equal(socket.retryAt.value, Date.now() + ms);
      mock.timers.tick(ms - 1);
      assert.equal(FakeSocket.all.length, dialled);
      mock.timers.tick(1);
      assert.equal(FakeSocket.all.length, dialled + 1);
    }
    await FakeSocket.last().welcome();
    FakeSocket.last().onclose?.({ code: 4000 });
    assert.equal(socket.retryAt.value, Date.now() + 1000);
  } finally {
    Math.random = random;
  }
});

test("jitter stays within a fifth", () => {
  assert.equal(backoffMs(0, 0), 800);
  assert.equal(backoffMs(0, 1), 1200);
  assert.equal(backoffMs(99, 0.5), 15_000);
});

test("queued calls wait, keep their order and key, and are sent again after a loss", async () => {
  const first = socket.call("chat.say", { key: "k1", text: "one" }, { queue: true });
  const second = socket.call("chat.say", { key: "k2", text: "two" }, { queue: true });
  await FakeSocket.last().welcome();
  assert.deepEqual(
    FakeSocket.last()
      .ask("chat.say")
      .map((m) => m.d.key),
    ["k1", "k2"],
  );
  const before = FakeSocket.last().ask("chat.say");
  FakeSocket.last().onclose?.({ code: 1006 });
  const third = socket.call("chat.say", { key: "k3", text: "three" }, { queue: true });
  socket.retryNow();
  await FakeSocket.last().welcome();
  const again = FakeSocket.last().ask("chat.say");
  assert.deepEqual(
    again.map((m) => m.d.key),
    ["k1", "k2", "k3"],
  );
  assert.deepEqual(again.slice(0, 2), before);
  for (const m of again) FakeSocket.last().say({ t: "ok", id: m.id, d: { key: m.d.key } });
  assert.deepEqual(
    (await Promise.all([first, second, third])).map((line) => line.key),
    ["k1", "k2", "k3"],
  );
});

test("calls without queue fail at once when the connection is or goes away", async () => {
  await assert.rejects(socket.call("watch", {}), (e) => e instanceof CallError && e.code === "offline");
  await FakeSocket.last().welcome();
  const flying = socket.call("watch", {});
  FakeSocket.last().onclose?.({ code: 1006 });
  await assert.rejects(flying, (e) => e instanceof CallError && e.code === "offline");
});

test("an unanswered call times out, an unanswered ping ends the connection", async () => {
  await FakeSocket.last().welcome();
  const call = socket.call("watch", {}, { timeoutMs: 2000 });
  mock.timers.tick(2000);
  await assert.rejects(call, (e) => e instanceof CallError && e.code === "timeout");
  mock.timers.tick(8000);
  assert.equal(FakeSocket.last().ask("ping").length, 1);
  mock.timers.tick(5000);
  await settle();
  assert.equal(socket.state.value, "retrying");
  assert.ok(FakeSocket.last().closed);
});

test("offline and online events cut the waiting short", async () => {
  await FakeSocket.last().welcome();
  listeners.get("offline")?.();
  assert.equal(socket.state.value, "offline");
  const dialled = FakeSocket.all.length;
  listeners.get("online")?.();
  assert.equal(FakeSocket.all.length, dialled + 1);
  assert.equal(socket.state.value, "connecting");
});

test("4001 fetches a new ticket once; a second refusal is final", async () => {
  visits = [{ status: 200, body: { ticket: "t2" } }];
  FakeSocket.last().onclose?.({ code: 4001 });
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  FakeSocket.last().onclose?.({ code: 4001 });
  await settle();
  assert.equal(socket.state.value, "gone");
  assert.equal(socket.reason.value, "bad_token");
});

test("4001 with the server out of reach keeps trying; with the room gone it says why", async () => {
  FakeSocket.last().onclose?.({ code: 4001 });
  await settle();
  assert.equal(socket.state.value, "retrying");
  socket.retryNow();
  visits = [{ status: 404, body: { code: "not_found" } }];
  FakeSocket.last().onclose?.({ code: 4001 });
  await settle();
  assert.equal(socket.state.value, "gone");
  assert.equal(socket.reason.value, "not_found");
});

test("4002 is the end, for queued calls as well", async () => {
  const queued = socket.call("cart.set", { sku: "a", qty: 1 }, { queue: true });
  FakeSocket.last().onclose?.({ code: 4002 });
  assert.equal(socket.state.value, "gone");
  await assert.rejects(queued, (e) => e instanceof CallError && e.code === "offline");
  await assert.rejects(socket.call("cart.set", { sku: "a", qty: 1 }, { queue: true }), () => true);
});
