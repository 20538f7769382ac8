// A hot standby goes on air when the live publisher dies without a word: the room's picture
// goes on through the same connection, in the same stream.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, eventually, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { framesNoted, keepPeer, keptPeer, noteFrames, untouched } from "./lib/peer.mjs";
import { enterRoom, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";
import { publish } from "./lib/whip.mjs";

describe("a hot standby", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let live;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let room;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let studio;

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo({ clip: false })]);
    live = await newPage(browser);
    room = await newPage(browser, phone);
    studio = await newPage(browser);
    await live.goto(server.links.url);
    assert.equal((await publish(live, server.links, { width: 320, height: 240 })).status, 201);
    await enterRoom(room, server.room("lin").url);
    await signIn(studio, server.links.studio, "studio");
    await framesAdvance(room, 15);
    await keepPeer(room);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("waits unseen, and the studio says that it is there", async () => {
    const standby = await newPage(browser);
    await standby.goto(server.links.url);
    const size = { width: 480, height: 360 };
    assert.equal((await publish(standby, server.links, size, { standby: true })).status, 201);
    await by(studio, "standby-add").waitFor({ state: "hidden" });
    const { width } = await framesAdvance(room, 30);
    assert.equal(width, 320);
  });

  test("goes on air when the live one is killed", async (t) => {
    await noteFrames(room);
    await framesAdvance(room, 5); // of the live one: a crash is quick
    // Its process dies as in a crash: nothing is taken back, nothing says goodbye.
    void live.goto("chrome://crash").catch(() => {});
    await eventually("the standby's picture", async () => {
      assert.equal((await framesAdvance(room, 1)).width, 480);
    });
    await framesAdvance(room, 30);
    const seen = await framesNoted(room);
    t.diagnostic(`${seen.widths.join(" → ")} wide, ${seen.gapMs} ms without a new frame`);
    assert.deepEqual(seen.widths, [320, 480]);
    assert.deepEqual(await keptPeer(room), untouched);
    await room.locator('.stage[data-phase="live"]').waitFor();
    await by(studio, "standby-add").waitFor();
    assert.deepEqual(room.faults, []);
  });
});
