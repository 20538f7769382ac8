// A second publisher with the same key takes the stage: the viewers keep their peer
// connections, nothing is renegotiated, and the picture becomes the new one's.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { keepPeer, keptPeer, untouched } from "./lib/peer.mjs";
import { enterRoom } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";
import { publish } from "./lib/whip.mjs";

describe("a publisher with the same key takes over", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>[]} */ const viewers = [];

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo({ clip: false })]);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the first publisher is seen in two rooms", async () => {
    const first = await newPage(browser);
    await first.goto(server.links.url);
    assert.equal((await publish(first, server.links, { width: 320, height: 240 })).status, 201);
    for (const room of server.links.rooms.slice(0, 2)) {
      const page = await newPage(browser, phone);
      await enterRoom(page, room.url);
      viewers.push(page);
    }
    for (const page of viewers) {
      const { width } = await framesAdvance(page, 15);
      assert.equal(width, 320);
      await keepPeer(page);
    }
  });

  test("the second one's picture comes through the same connections", async (t) => {
    const second = await newPage(browser);
    await second.goto(server.links.url);
    assert.equal((await publish(second, server.links, { width: 480, height: 360 })).status, 201);
    for (const page of viewers) {
      await eventually("the new picture", async () => {
        assert.equal((await framesAdvance(page, 1)).width, 480);
      });
      await framesAdvance(page, 30);
      const after = await keptPeer(page);
      t.diagnostic(JSON.stringify(after));
      assert.deepEqual(after, untouched);
    }
  });

  test("a wrong key is turned away", async () => {
    const other = await newPage(browser);
    await other.goto(server.links.url);
    const answer = await publish(
      other,
      { ...server.links, stage_key: "sc_stk_not_a_key" },
      { width: 320, height: 240 },
    );
    assert.equal(answer.status, 401);
    await framesAdvance(/** @type {any} */ (viewers[0]), 10);
  });
});
