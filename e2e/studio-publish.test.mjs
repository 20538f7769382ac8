// HQ publishes from the studio page with (the browser's fake) camera and microphone.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { enterRoom, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

describe("publishing from the studio", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let studio;
  /** @type {Awaited<ReturnType<typeof newPage>>[]} */ const viewers = [];

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo({ clip: false })]);
    studio = await newPage(browser, { permissions: ["camera", "microphone"] });
    await signIn(studio, server.links.studio, "studio");
    for (const room of server.links.rooms.slice(0, 3)) {
      const page = await newPage(browser, phone);
      await enterRoom(page, room.url);
      viewers.push(page);
    }
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("an empty stage says so", async () => {
    await by(studio, "stage-state").and(studio.locator('[data-state="empty"]')).waitFor();
  });

  test("the camera's picture reaches every room", async (t) => {
    await by(studio, "publish-start").click();
    await by(studio, "stage-state").and(studio.locator('[data-state="live"]')).waitFor();
    const pictures = await Promise.all(viewers.map((page) => framesAdvance(page, 30)));
    t.diagnostic(pictures.map((p) => `${p.width}×${p.height}`).join(", "));
    for (const p of pictures) assert.ok(p.width > 0 && p.height > 0);
  });

  test("the studio sees what viewers see", async () => {
    await framesAdvance(studio, 15);
  });

  test("stopping empties the stage, starting again fills the same players", async () => {
    const peers = await Promise.all(viewers.map((page) => page.evaluate(() => window.peers.length)));
    await by(studio, "publish-stop").click();
    await by(studio, "stage-state").and(studio.locator('[data-state="empty"]')).waitFor();
    await by(studio, "publish-start").click();
    await Promise.all(viewers.map((page) => framesAdvance(page, 15)));
    const now = await Promise.all(viewers.map((page) => page.evaluate(() => window.peers.length)));
    assert.deepEqual(now, peers, "viewers' peer connections outlive a publisher");
  });

  test("no page met an error", () => {
    assert.deepEqual(studio.faults, []);
    for (const page of viewers) assert.deepEqual(page.faults, []);
  });
});
