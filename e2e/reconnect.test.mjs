// The server goes away under an open room: the page says so, and recovers by itself.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { chatLine, enterRoom, say, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

describe("the server goes away and comes back", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let room;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let studio;

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo()]);
    room = await newPage(browser, phone);
    studio = await newPage(browser);
    await enterRoom(room, server.room("lin").url);
    await framesAdvance(room, 15);
    await signIn(studio, server.links.studio, "studio");
    await by(studio, "product-row").first().waitFor();
    await by(room, "pinned-add").click();
    await by(room, "bag-count").filter({ hasText: "1" }).waitFor();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the room says that the connection is lost", async () => {
    await server.kill();
    await by(room, "strip").filter({ hasText: /\S/ }).waitFor();
  });

  test("what is said meanwhile waits, and arrives once", async (t) => {
    await say(room, "still here?");
    await server.start();
    const began = Date.now();
    await framesAdvance(room, 15, 40_000);
    t.diagnostic(`the picture moves again ${Date.now() - began} ms after the server is back`);
    await by(room, "strip").filter({ hasText: /\S/ }).waitFor({ state: "hidden" });
    await chatLine(studio, "still here?").waitFor();
    assert.equal(await chatLine(room, "still here?").count(), 1);
  });

  test("the bag is as it was, and the studio is live again", async () => {
    assert.equal((await by(room, "bag-count").innerText()).trim(), "1");
    await say(room, "and the studio?");
    await chatLine(studio, "and the studio?").waitFor();
    assert.deepEqual(room.faults, []);
  });
});
