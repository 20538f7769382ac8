// Networks that let no UDP through: pages publish and play over the media port's TCP side.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { received } from "./lib/peer.mjs";
import { enterRoom } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";
import { publish } from "./lib/whip.mjs";

describe("a browser whose network blocks UDP", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let encoder;

  before(async () => {
    const withoutUDP = "--webrtc-ip-handling-policy=disable_non_proxied_udp";
    [browser, server] = await Promise.all([launch(withoutUDP), startDemo({ clip: false })]);
    encoder = await newPage(browser);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("publishes over TCP, and plays the room over TCP", async (t) => {
    await encoder.goto(server.links.url);
    assert.equal((await publish(encoder, server.links, { width: 320, height: 240 })).status, 201);
    const room = await newPage(browser, phone);
    await enterRoom(room, server.room("lin").url);
    const { firstMs, width } = await framesAdvance(room, 60);
    assert.equal(width, 320);
    const { protocol, videoBytes, audioBytes } = await received(room);
    t.diagnostic(
      `first frame after ${Math.round(firstMs)} ms; ${videoBytes + audioBytes} bytes over ${protocol}`,
    );
    assert.equal(protocol, "tcp");
    assert.ok(audioBytes > 0);
    assert.equal((await received(encoder)).protocol, "tcp");
    assert.deepEqual(room.faults, []);
  });
});
