import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { encodings, startFast } from "./whip";

function inBrowser(brand?: string): void {
  const value = brand ? { userAgentData: { brands: [{ brand: "Not;A=Brand" }, { brand }] } } : {};
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
}

afterEach(() => inBrowser());

test("Chromium sends the best layer first, so that it is what remains without simulcast", () => {
  inBrowser("Chromium");
  for (const size of [{ width: 1280, height: 720 }, { width: 720, height: 1280 }, {}]) {
    const sent = encodings(size);
    assert.deepEqual(
      sent.map((e) => [e.rid, e.scaleResolutionDownBy ?? 1]),
      [
        ["h", 1],
        ["m", 2],
        ["l", 4],
      ],
    );
    assert.ok(sent.every((e, i) => i === 0 || (e.maxBitrate ?? 0) < (sent[i - 1]?.maxBitrate ?? 0)));
  }
});

test("a small camera has two layers, other browsers send one picture", () => {
  inBrowser("Chromium");
  assert.deepEqual(
    encodings({ width: 640, height: 480 }).map((e) => e.rid),
    ["h", "l"],
  );
  for (const brand of [undefined, "Gecko"]) {
    inBrowser(brand);
    const sent = encodings({ width: 1280, height: 720 });
    assert.deepEqual(
      sent.map((e) => e.rid),
      [undefined],
    );
  }
});

test("the start bitrate goes to every video format and to nothing else", () => {
  const answer = [
    "v=0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10",
    "m=video 9 UDP/TLS/RTP/SAVPF 102 96",
    "a=rtpmap:102 H264/90000",
    "a=fmtp:102 packetization-mode=1",
    "a=rtpmap:96 VP8/90000",
    "a=simulcast:recv h;m;l",
    "",
  ].join("\r\n");
  const lines = startFast(answer).split("\r\n");
  const started = lines.filter((l) => l.includes("x-google-start-bitrate"));
  assert.equal(started.length, 2);
  assert.ok(started[0]?.startsWith("a=fmtp:102 packetization-mode=1;x-google-start-bitrate="));
  assert.ok(started[1]?.startsWith("a=fmtp:96 x-google-start-bitrate="));
  assert.ok(lines.includes("a=simulcast:recv h;m;l"));
});
