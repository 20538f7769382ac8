// The server dies (SIGKILL) while a checkout is on its way and comes back on the same
// data: what was acknowledged is there, once, under its distributor.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { enterRoom, fillCheckout, orderRow, placedOrder, resultIs, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

const tapInMs = 40;

describe("kill -9 during checkout", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let buyer;

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo()]);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  // The moment of death differs, the outcome must not: from before the order can have
  // left the page to after it was acknowledged, with the moments between close together.
  for (const [round, afterMs] of [-20, -2, 0, 2, 4, 8, 30].entries()) {
    test(`killed ${afterMs} ms after the tap, the order is there exactly once`, async (t) => {
      const room = server.links.rooms.filter((r) => r.distributor)[round % 3];
      assert.ok(room);
      buyer = await newPage(browser, phone);
      await enterRoom(buyer, room.url);
      await framesAdvance(buyer, 5);
      await fillCheckout(buyer, { name: `Buyer ${round}`, phone: `1390000000${round}`, provider: "manual" });

      await by(buyer, "place-order").evaluate((button, tapInMs) => {
        setTimeout(() => /** @type {HTMLElement} */ (button).click(), tapInMs);
      }, tapInMs);
      await new Promise((resolve) => setTimeout(resolve, tapInMs + afterMs));
      await server.kill();
      const acknowledged = await by(buyer, "order-result").count();
      await server.start();

      // The page resumes by itself, sends the order again with its key, and shows it.
      const order = await placedOrder(buyer);
      await resultIs(buyer, "reserved");
      t.diagnostic(`${acknowledged ? "acknowledged before" : "resumed after"} the kill: ${order}`);

      const studio = await newPage(browser);
      await signIn(studio, server.links.studio, "studio");
      await by(studio, "tab-orders").click();
      const row = orderRow(studio, order, "reserved");
      await row.waitFor();
      assert.equal(await row.getAttribute("data-distributor"), room.distributor);
      const ofBuyer = by(studio, "order-row").filter({ hasText: `Buyer ${round}` });
      assert.equal(await ofBuyer.count(), 1);

      await framesAdvance(buyer, 10);
      await buyer.context().close();
      await studio.context().close();
    });
  }

  test("the books are right after all that", async () => {
    await server.kill();
    assert.match(server.verifyBooks(), /books are right/);
  });
});
