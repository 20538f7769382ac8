// The studio sends its camera in several sizes; a viewer chooses among them, or no picture
// at all, and the connection stays what it was.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, eventually, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { framesNoted, keepPeer, keptPeer, noteFrames, received, untouched } from "./lib/peer.mjs";
import { enterRoom, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

/** The worst that a change of size may cost, on top of what the machine costs anyway. */
const seamMs = 500;
/** The encoder of a slow machine needs its time until the best layer flows. */
const settleMs = 60_000;

describe("three sizes of one camera", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let studio;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let room;
  let steadyGapMs = 0;

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo({ clip: false })]);
    studio = await newPage(browser, { permissions: ["camera", "microphone"] });
    room = await newPage(browser, phone);
    await signIn(studio, server.links.studio, "studio");
    await by(studio, "publish-start").click();
    await by(studio, "stage-state").and(studio.locator('[data-state="live"]')).waitFor();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the studio shows them", async (t) => {
    const layers = by(studio, "layers").locator('li[data-active="true"]');
    await eventually("three layers", async () => assert.equal(await layers.count(), 3), settleMs);
    t.diagnostic((await layers.allInnerTexts()).join(", "));
  });

  test("a viewer gets the best", async (t) => {
    await enterRoom(room, server.room("lin").url);
    await showsWidth(1280);
    await keepPeer(room);
    await noteFrames(room);
    await framesAdvance(room, 60);
    const steady = await framesNoted(room);
    steadyGapMs = steady.gapMs;
    t.diagnostic(`${steady.frames} frames, at most ${steady.gapMs} ms apart`);
  });

  for (const [wish, width] of /** @type {const} */ ([
    ["low", 320],
    ["auto", 1280],
  ])) {
    test(`${wish}: ${width} wide, without a seam`, async (t) => {
      const gaps = [];
      for (let i = 0; i < 3; i++) {
        gaps.push(await changesTo(wish, width, t));
        await choose(wish === "low" ? "auto" : "low");
        await showsWidth(wish === "low" ? 1280 : 320);
      }
      await choose(wish);
      // The middle one: a busy machine skips frames of its own.
      const gap = gaps.sort((a, b) => a - b)[1] ?? 0;
      assert.ok(gap < seamMs + steadyGapMs, `${gap} ms without a new frame`);
      assert.deepEqual(await keptPeer(room), untouched);
    });
  }

  test("sound alone: no picture is sent, the sound goes on", async (t) => {
    await choose("off");
    await by(room, "listening").waitFor();
    const [before, after] = await eventually("no video bytes", async () => {
      const before = await received(room);
      await room.waitForTimeout(1500);
      const after = await received(room);
      assert.equal(after.videoBytes, before.videoBytes);
      return [before, after];
    });
    t.diagnostic(`within 1.5 s ${after.audioBytes - before.audioBytes} bytes of sound`);
    assert.ok(after.audioBytes > before.audioBytes);
    assert.deepEqual(await keptPeer(room), untouched);
  });

  test("the picture comes back through the same connection", async () => {
    await choose("auto");
    await showsWidth(1280);
    await framesAdvance(room, 15);
    assert.deepEqual(await keptPeer(room), untouched);
    assert.deepEqual(room.faults, []);
    assert.deepEqual(studio.faults, []);
  });

  /** @param {"auto" | "low" | "off"} wish */
  async function choose(wish) {
    await by(room, "picture-menu").click();
    await by(room, `picture-${wish}`).click();
  }

  /** @param {number} width */
  const showsWidth = (width) =>
    eventually(
      `a picture ${width} wide`,
      async () => assert.equal((await framesAdvance(room, 1)).width, width),
      settleMs,
    );

  /**
   * Chooses, watches every frame until the new size has been there for a while, and
   * answers with the longest time between two.
   * @param {"auto" | "low"} wish @param {number} width @param {import("node:test").TestContext} t
   */
  async function changesTo(wish, width, t) {
    const before = await received(room);
    await noteFrames(room);
    await choose(wish);
    await showsWidth(width);
    await framesAdvance(room, 30);
    const seen = await framesNoted(room);
    const after = await received(room);
    t.diagnostic(
      `${seen.widths.join(" → ")}, frames at most ${seen.gapMs} ms apart, ${after.freezes - before.freezes} freezes, ${after.plis - before.plis} PLIs`,
    );
    return seen.gapMs;
  }
});
