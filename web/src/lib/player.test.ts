import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { signal } from "@preact/signals";
import { createPlayer, type Player, type Wish } from "./player";
import type { StageInfo } from "./protocol";
import { CallError, type Socket } from "./socket";

// ---- a browser and a server that do what the test says

class FakePeer {
  static all: FakePeer[] = [];
  static last(): FakePeer {
    const pc = FakePeer.all.at(-1);
    assert.ok(pc);
    return pc;
  }
  connectionState = "new";
  iceConnectionState = "new";
  localDescription = { sdp: "answer" };
  onconnectionstatechange: (() => void) | null = null;
  ontrack?: (e: object) => void;
  onicecandidate?: (e: object) => void;
  sound = 0;
  picture = 0;
  frames = 0;
  constructor() {
    FakePeer.all.push(this);
  }
  async setRemoteDescription(): Promise<void> {
    for (const kind of ["audio", "video"]) this.ontrack?.({ track: { kind } });
  }
  async setLocalDescription(): Promise<void> {}
  async createAnswer(): Promise<object> {
    return {};
  }
  async getStats(): Promise<Map<string, object>> {
    return new Map([
      ["a", { type: "inbound-rtp", kind: "audio", packetsReceived: this.sound }],
      [
        "v",
        { type: "inbound-rtp", kind: "video", packetsReceived: this.picture, framesDecoded: this.frames },
      ],
    ]);
  }
  become(state: string): void {
    this.connectionState = state;
    if (state === "connected") this.iceConnectionState = "connected";
    this.onconnectionstatechange?.();
  }
  close(): void {
    this.connectionState = "closed";
  }
}

class FakeStream {
  kinds: string[] = [];
  addTrack(track: { kind: string }): void {
    this.kinds.push(track.kind);
  }
}

class FakeVideo extends EventTarget {
  muted = false;
  videoWidth = 0;
  videoHeight = 0;
  srcObject: FakeStream | null = null;
  frame: (() => void) | undefined;
  async play(): Promise<void> {}
  requestVideoFrameCallback(call: () => void): void {
    this.frame = call;
  }
}

class FakeDocument extends EventTarget {
  hidden = false;
  pictureInPictureElement: unknown = null;
  hide(hidden: boolean): void {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

type Call = [t: string, d: { media?: string; video?: string }];
let calls: Call[] = [];
let refusal: ((t: string) => CallError | undefined) | undefined;
let watches = 0;
const socket = {
  state: signal("open"),
  async call(t: string, d: object): Promise<object> {
    calls.push([t, d]);
    const refused = refusal?.(t);
    if (refused) throw refused;
    return t === "watch" ? { media: `m${++watches}`, sdp: "offer" } : {};
  },
} as unknown as Socket;

const onAir: StageInfo = {
  live: true,
  away: false,
  video: "video/H264",
  audio: "audio/opus",
  since_ms: 0,
  source: "",
  bitrate: 0,
  standby: false,
  warnings: [],
  layers: [],
};
const stage = (more: Partial<StageInfo>) => player.onPush({ t: "stage", d: { ...onAir, ...more } });

let player: Player;
let video: FakeVideo;
let page: FakeDocument;
let detach: () => void;

const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** Lets time pass; each step of a quarter second may bring frames and packets. */
async function pass(ms: number, bring: { frames?: boolean; sound?: boolean; picture?: boolean } = {}) {
  for (let left = ms; left > 0; left -= 250) {
    const pc = FakePeer.all.at(-1);
    if (pc && bring.sound) pc.sound++;
    if (pc && (bring.frames || bring.picture)) pc.picture++;
    if (bring.frames) video.frame?.();
    mock.timers.tick(Math.min(left, 250));
    await settle();
  }
}

async function begin(wish?: Wish): Promise<void> {
  player = createPlayer(socket, wish);
  detach = player.attach(video as unknown as HTMLVideoElement);
  player.onWelcome(onAir);
  await settle();
}

/** A player whose picture plays. */
async function playing(wish?: Wish): Promise<FakePeer> {
  await begin(wish);
  FakePeer.last().become("connected");
  await pass(500, { frames: true, sound: true });
  return FakePeer.last();
}

const asked = (t: string) => calls.filter(([name]) => name === t).length;
const wants = () => calls.filter(([t]) => t === "media.want").map(([, d]) => `${d.media} ${d.video}`);

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  FakePeer.all = [];
  calls = [];
  refusal = undefined;
  watches = 0;
  video = new FakeVideo();
  page = new FakeDocument();
  const globals = {
    RTCPeerConnection: FakePeer,
    MediaStream: FakeStream,
    document: page,
    performance: { now: () => Date.now() },
  };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
});

afterEach(() => {
  detach();
  mock.timers.reset();
});

// ---- tests

test("it watches, answers, and says that it plays once a frame is there", async () => {
  await begin();
  assert.deepEqual(
    calls.map(([t]) => t),
    ["watch", "answer"],
  );
  assert.equal(player.state.value, "connecting");
  FakePeer.last().become("connected");
  await pass(500, { frames: true });
  assert.equal(player.state.value, "playing");
  assert.equal(asked("playing"), 1);
});

test("a wish is told before the answer, and again to every new connection", async () => {
  await playing("low");
  assert.deepEqual(
    calls.slice(0, 3).map(([t]) => t),
    ["watch", "media.want", "answer"],
  );
  player.onWelcome(onAir); // the socket resumed
  await settle();
  assert.deepEqual(wants(), ["m1 low", "m2 low"]);
});

test("a hidden tab gives the picture up after five seconds, and has it back at once", async () => {
  await playing();
  page.hide(true);
  await pass(4750);
  assert.deepEqual(wants(), []);
  await pass(500);
  assert.deepEqual(wants(), ["m1 off"]);
  assert.deepEqual(video.srcObject?.kinds, ["audio", "video"], "the last frame stays");
  await pass(60_000);
  page.hide(false);
  assert.deepEqual(wants(), ["m1 off", "m1 auto"]);
  assert.equal(player.state.value, "playing");
  await pass(1000, { frames: true });
  assert.equal(asked("watch"), 1);
});

test("a glance at another tab costs nothing, nor does picture-in-picture", async () => {
  await playing();
  page.hide(true);
  await pass(3000);
  page.hide(false);
  await pass(6000, { frames: true });
  page.pictureInPictureElement = video;
  page.hide(true);
  await pass(20_000);
  assert.deepEqual(wants(), []);
  page.pictureInPictureElement = null;
  video.dispatchEvent(new Event("leavepictureinpicture"));
  await pass(6000);
  assert.deepEqual(wants(), ["m1 off"]);
});

test("a connection made in a hidden tab plays its sound alone, until the tab is seen", async () => {
  await playing();
  page.hide(true);
  await pass(6000);
  FakePeer.last().become("failed");
  await pass(1000);
  assert.deepEqual(wants(), ["m1 off", "m2 off"]);
  assert.deepEqual(video.srcObject?.kinds, ["audio"]);
  page.hide(false);
  assert.deepEqual(wants().at(-1), "m2 auto");
  assert.deepEqual(video.srcObject?.kinds, ["audio", "video"]);
});

test("audio only plays the sound alone and counts as watching", async () => {
  await begin("off");
  FakePeer.last().become("connected");
  assert.deepEqual(wants(), ["m1 off"]);
  assert.deepEqual(video.srcObject?.kinds, ["audio"]);
  assert.equal(player.state.value, "connecting");
  await pass(1000, { sound: true });
  assert.equal(player.state.value, "listening");
  assert.equal(asked("playing"), 1);
  await pass(60_000, { sound: true });
  assert.equal(asked("watch"), 1);
  player.setWish("auto");
  assert.deepEqual(video.srcObject?.kinds, ["audio", "video"]);
  await pass(500, { frames: true });
  assert.equal(player.state.value, "playing");
});

test("a wish that may not have arrived is told again, one that was refused is not", async () => {
  await playing();
  refusal = (t) => (t === "media.want" ? new CallError("rate_limited") : undefined);
  player.setWish("low");
  await pass(750, { frames: true });
  assert.ok(wants().length > 2);
  refusal = (t) => (t === "media.want" ? new CallError("bad_input") : undefined);
  await pass(500, { frames: true });
  const before = wants().length;
  await pass(2000, { frames: true });
  assert.equal(wants().length, before);
});

test("HQ's absence shows after a second and ends no connection", async () => {
  const pc = await playing();
  stage({ away: true });
  await pass(500);
  assert.equal(player.state.value, "playing");
  await pass(500);
  assert.equal(player.state.value, "away");
  stage({ live: false });
  await pass(120_000);
  assert.equal(player.state.value, "away");
  stage({});
  await pass(250, { frames: true });
  assert.equal(player.state.value, "playing");
  assert.equal(asked("watch"), 1);
  assert.equal(pc.connectionState, "connected");
});

test("a new publisher at once is not even noticed", async () => {
  await playing();
  stage({ live: false });
  await pass(500);
  stage({});
  await pass(250);
  assert.equal(player.state.value, "playing");
});

test("a picture that stops for eight seconds is asked for again, more and more patiently", async () => {
  await playing();
  await pass(7500);
  assert.equal(player.state.value, "stalled");
  assert.equal(asked("watch"), 1);
  await pass(1000);
  assert.equal(asked("watch"), 2);
  FakePeer.last().become("connected");
  await pass(15_000);
  assert.equal(asked("watch"), 2);
  await pass(1500);
  assert.equal(asked("watch"), 3);
});

test("sound without its picture is the server's thrift, not a fault", async () => {
  await playing();
  await pass(60_000, { sound: true });
  assert.equal(player.state.value, "listening");
  assert.equal(asked("watch"), 1);
  await pass(250, { frames: true, sound: true });
  assert.equal(player.state.value, "playing");
});

test("packets of a picture that never shows are a fault", async () => {
  await playing();
  await pass(9000, { sound: true, picture: true });
  assert.equal(asked("watch"), 2);
});

test("a thin way from the start on plays the sound alone, then the picture when it comes", async () => {
  await begin();
  FakePeer.last().become("connected");
  await pass(4000, { sound: true });
  assert.deepEqual(video.srcObject?.kinds, ["audio"]);
  assert.equal(player.state.value, "listening");
  await pass(500, { sound: true, picture: true });
  assert.deepEqual(video.srcObject?.kinds, ["audio", "video"]);
});

test("ICE has time to find a way over TCP, a crowd's queue has more", async () => {
  await begin();
  FakePeer.last().iceConnectionState = "checking";
  await pass(14_000);
  assert.equal(asked("watch"), 1);
  await pass(2000);
  assert.equal(asked("watch"), 2);
  FakePeer.last().iceConnectionState = "connected"; // DTLS waits
  await pass(40_000);
  assert.equal(asked("watch"), 2);
});

test("a failed connection is replaced, and the show's end is not fought", async () => {
  await playing();
  FakePeer.last().become("failed");
  await pass(500);
  assert.equal(asked("watch"), 2);
  player.onPush({ t: "media.gone", d: { media: "m2", reason: "show_ended" } });
  await pass(20_000);
  assert.equal(asked("watch"), 2);
});

test("a browser that tells of no frames has them counted", async () => {
  Object.defineProperty(video, "requestVideoFrameCallback", { value: undefined });
  await begin();
  const pc = FakePeer.last();
  pc.become("connected");
  await pass(500);
  assert.equal(player.state.value, "connecting");
  pc.frames = 7;
  await pass(250);
  assert.equal(player.state.value, "playing");
  await pass(1500);
  assert.equal(player.state.value, "stalled");
});
