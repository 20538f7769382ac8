// Firefox watches: VP8, as Debian's has no H.264 for calls. It sends no media to a server that
// has only 127.0.0.1.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, framesAdvance, launch, newPage } from "./lib/browser.mjs";
import { launchFirefox } from "./lib/firefox.mjs";
import { keepPeer, keptPeer, received, untouched } from "./lib/peer.mjs";
import { startDemo } from "./lib/server.mjs";
import { publish } from "./lib/whip.mjs";

describe("a room in Firefox", () => {
  /** @type {import("playwright-core").Browser} */ let chromium;
  /** @type {Awaited<ReturnType<typeof launchFirefox>>} */ let firefox;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {import("playwright-core").Page} */ let room;

  before(async () => {
    [chromium, firefox, server] = await Promise.all([
      launch(),
      launchFirefox(),
      startDemo({ clip: false, allAddresses: true }),
    ]);
    await publishes(320, 240);
  });

  after(async () => {
    await firefox?.close();
    await chromium?.close();
    await server?.close();
  });

  test("the picture moves", async (t) => {
    room = await firefox.newPage();
    await room.goto(server.room("lin").url);
    const { firstMs, width } = await framesAdvance(room, 60);
    t.diagnostic(`first frame ${Math.round(firstMs)} ms after the navigation`);
    assert.equal(width, 320);
    const phase = () => document.querySelector(".stage")?.getAttribute("data-phase");
    await eventually("the page says so", async () => assert.equal(await room.evaluate(phase), "live"));
    const { audioBytes, plis } = await received(room);
    assert.ok(audioBytes > 0);
    assert.equal(plis, 0, "it had nothing to ask for");
  });

  test("and goes on when another publisher takes over", async () => {
    await keepPeer(room);
    await publishes(480, 360);
    await eventually("the new picture", async () => {
      assert.equal((await framesAdvance(room, 1)).width, 480);
    });
    await framesAdvance(room, 30);
    assert.deepEqual(await keptPeer(room), untouched);
  });

  /** @param {number} width @param {number} height */
  async function publishes(width, height) {
    const page = await newPage(chromium);
    await page.goto(server.links.url);
    const answer = await publish(page, server.links, { width, height }, { codec: "VP8" });
    assert.equal(answer.status, 201);
  }
});
