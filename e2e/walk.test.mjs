// The whole walk: one broadcast, three rooms, three sales that belong to whom they
// should, seen by the buyers, the distributors and HQ.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, firstFrameMs, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { catalogue } from "./lib/catalogue.mjs";
import { buy, chatLine, enterRoom, orderRow, payDemo, resultIs, say, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

/** @typedef {Awaited<ReturnType<typeof newPage>>} Page */

describe("one broadcast, three rooms, three sales", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Record<"a" | "b" | "hq" | "studio" | "deskA" | "deskB", Page>} */
  const pages = /** @type {any} */ ({});
  /** @type {{slug: string, name: string, distributor: string, url: string}} */ let roomA;
  /** @type {{slug: string, name: string, distributor: string, url: string}} */ let roomB;

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo()]);
    [roomA, roomB] = /** @type {[any, any]} */ (server.links.rooms.filter((r) => r.distributor !== ""));
    for (const name of /** @type {const} */ (["a", "b", "hq"])) pages[name] = await newPage(browser, phone);
    for (const name of /** @type {const} */ (["studio", "deskA", "deskB"]))
      pages[name] = await newPage(browser);
    await signIn(pages.studio, server.links.studio, "studio");
    await signIn(pages.deskA, server.desk(roomA.distributor).url, "desk");
    await signIn(pages.deskB, server.desk(roomB.distributor).url, "desk");
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  for (const [name, url] of /** @type {const} */ ([
    ["a", () => roomA.url],
    ["b", () => roomB.url],
    ["hq", () => server.hqRoom.url],
  ])) {
    test(`room ${name}: the picture moves, muted and without a tap`, async (t) => {
      await enterRoom(pages[name], url());
      const waited = await firstFrameMs(pages[name]);
      const { width, height } = await framesAdvance(pages[name], 30);
      t.diagnostic(`first frame after ${waited} ms, ${width}×${height}`);
      assert.deepEqual([width, height], [540, 960]);
      assert.ok(waited < 5000, `first frame after ${waited} ms`);
      await by(pages[name], "tap-sound").waitFor();
    });
  }

  test("a tap brings the sound", async () => {
    await by(pages.a, "tap-sound").click();
    await by(pages.a, "tap-sound").waitFor({ state: "detached" });
    const muted = await by(pages.a, "video").evaluate((v) => /** @type {HTMLVideoElement} */ (v).muted);
    assert.equal(muted, false);
    await framesAdvance(pages.a, 10);
    const heard = await pages.a.evaluate(async () => {
      const stats = await window.peers.at(-1)?.getStats();
      return [...(stats?.values() ?? [])].find((s) => s.type === "inbound-rtp" && s.kind === "audio")
        ?.packetsReceived;
    });
    assert.ok(heard > 10, `${heard} audio packets`);
  });

  test("chat stays in its room, and HQ sees it with the room's name", async () => {
    await say(pages.a, "does it suit dry skin?");
    await chatLine(pages.a, "does it suit dry skin?").waitFor();
    const inStudio = chatLine(pages.studio, "does it suit dry skin?");
    await inStudio.waitFor();
    assert.ok((await inStudio.innerText()).includes(roomA.name));
    // B's own line comes back only after A's would have: the socket keeps order.
    await say(pages.b, "hello from the other room");
    await chatLine(pages.b, "hello from the other room").waitFor();
    assert.equal(await chatLine(pages.b, "does it suit dry skin?").count(), 0);
    assert.equal(await chatLine(pages.hq, "does it suit dry skin?").count(), 0);
  });

  /** @type {Record<"a" | "b" | "hq", string>} */
  const orders = { a: "", b: "", hq: "" };

  test("room A buys, pays by hand, and HQ confirms it in the studio", async () => {
    orders.a = await buy(pages.a, { name: "Ada Buyer", phone: "13800000001", provider: "manual" });
    await resultIs(pages.a, "reserved");
    await by(pages.studio, "tab-orders").click();
    const row = orderRow(pages.studio, orders.a, "reserved");
    await row.waitFor();
    assert.equal(await row.getAttribute("data-distributor"), roomA.distributor);
    await row.locator('[data-testid="order-confirm"]').click();
    await orderRow(pages.studio, orders.a, "paid").waitFor();
    await resultIs(pages.a, "paid");
  });

  test("room B buys, declines once, then approves the demo payment", async () => {
    orders.b = await buy(pages.b, { name: "Bob Buyer", phone: "13800000002", provider: "demo" });
    await payDemo(pages.b, "decline");
    await resultIs(pages.b, "reserved");
    await by(pages.b, "repay-demo").click();
    await payDemo(pages.b, "approve");
    await resultIs(pages.b, "paid");
    await orderRow(pages.studio, orders.b, "paid").waitFor();
  });

  test("HQ's room sells for HQ", async () => {
    orders.hq = await buy(pages.hq, { name: "Hugo Buyer", phone: "13800000003", provider: "demo" });
    await payDemo(pages.hq, "approve");
    await resultIs(pages.hq, "paid");
    const row = orderRow(pages.studio, orders.hq, "paid");
    await row.waitFor();
    assert.equal(await row.getAttribute("data-distributor"), "");
    assert.equal(await row.getAttribute("data-commission"), "0");
  });

  test("a customer of A who buys in B stays A's", async () => {
    const page = await newPage(browser, phone);
    await enterRoom(page, roomB.url);
    const order = await buy(page, { name: "Ada Buyer", phone: "13800000001", provider: "manual" });
    const row = orderRow(pages.studio, order, "reserved");
    await row.waitFor();
    assert.equal(await row.getAttribute("data-distributor"), roomA.distributor);
    await orderRow(pages.deskA, order, "reserved").waitFor();
    assert.equal(await orderRow(pages.deskB, order).count(), 0);
    await page.context().close();
  });

  test("each desk shows its own orders and commission, and no other", async () => {
    const priceMinor = catalogue.products[0].offer_minor.USD; // the pinned one, at its price of the show
    for (const [desk, order, room] of /** @type {const} */ ([
      [pages.deskA, orders.a, roomA],
      [pages.deskB, orders.b, roomB],
    ])) {
      const rate = catalogue.distributors.find((d) => d.slug === room.slug)?.rate_bp;
      assert.ok(rate);
      const expected = `${Math.floor((priceMinor * rate) / 10_000)}`;
      const row = orderRow(desk, order, "paid");
      await row.waitFor();
      for (const other of Object.values(orders).filter((o) => o !== order)) {
        assert.equal(await orderRow(desk, other).count(), 0);
      }
      assert.equal(await row.getAttribute("data-commission"), expected);
      assert.equal(await orderRow(pages.studio, order).getAttribute("data-commission"), expected);
      await by(desk, "commission-pending")
        .and(desk.locator(`[data-minor="${expected}"]`))
        .waitFor();
      const text = await row.innerText();
      assert.ok(!text.includes("Buyer"), "the desk shows a buyer's full name");
    }
  });

  test("no page met an error, and the books are right", async () => {
    for (const [name, page] of Object.entries(pages)) assert.deepEqual(page.faults, [], name);
    await browser.close();
    assert.equal(await server.stop(), 0, "Ctrl-C ends cleanly");
    assert.match(server.verifyBooks(), /books are right/);
  });
});
