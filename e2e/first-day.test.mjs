// A brand's first day on the real server: an empty data directory, the setup link, a
// product of its own, a distributor, a show from the camera, and the first sale.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { buy, enterRoom, orderRow, resultIs } from "./lib/people.mjs";
import { startEmpty } from "./lib/server.mjs";

const picture = new URL("../cmd/shopcast/demo/products/2.jpg", import.meta.url).pathname;

describe("a brand's first day", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Awaited<ReturnType<typeof startEmpty>>} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let hq;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let desk;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let buyer;
  let roomLink = "";

  before(async () => {
    [browser, server] = await Promise.all([launch(), startEmpty()]);
    hq = await newPage(browser, { permissions: ["camera", "microphone"] });
    desk = await newPage(browser, phone);
    buyer = await newPage(browser, phone);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the setup link makes HQ and opens the studio, once", async () => {
    await hq.goto(server.setup);
    await by(hq, "setup-brand").fill("Morning Dew");
    await by(hq, "setup-name").fill("Ada");
    await by(hq, "setup-password").fill("correct horse battery");
    await by(hq, "setup-submit").click();
    await hq.waitForURL("**/studio");
    const late = await newPage(browser);
    await late.goto(server.setup);
    await by(late, "setup-brand").fill("Evil Twin");
    await by(late, "setup-name").fill("Eve");
    await by(late, "setup-password").fill("correct horse battery");
    await by(late, "setup-submit").click();
    await late.getByText("This link was used already").waitFor();
    await late.context().close();
  });

  test("a password signs in again, a wrong one does not", async () => {
    const page = await newPage(browser);
    await page.goto(new URL("/studio", server.setup).href);
    await page.waitForURL("**/signin**");
    await by(page, "signin-name").fill("Ada");
    await by(page, "signin-password").fill("wrong horse battery");
    await by(page, "signin-submit").click();
    await page.getByRole("alert").first().waitFor();
    await by(page, "signin-password").fill("correct horse battery");
    await by(page, "signin-submit").click();
    await page.waitForURL("**/studio");
    await page.context().close();
  });

  test("a product with a picture goes on the shelf", async () => {
    await by(hq, "product-new").first().click();
    await by(hq, "product-title").fill("Dew Cream");
    await by(hq, "product-price").fill("19.90");
    await by(hq, "product-stock").fill("2");
    await by(hq, "product-picture").setInputFiles(picture);
    await by(hq, "product-save").click();
    const row = by(hq, "product-row").filter({ hasText: "Dew Cream" });
    await row.waitFor();
    await row.locator('[data-testid="product-pin"]').click();
  });

  test("a distributor gets a desk and a room", async () => {
    await by(hq, "tab-people").click();
    await by(hq, "distributor-new").first().click();
    await by(hq, "distributor-name").fill("Old Street");
    await by(hq, "distributor-rate").fill("12.5");
    await by(hq, "distributor-slug").fill("oldstreet");
    await by(hq, "distributor-create").click();
    const text = async (/** @type {string} */ id) => {
      const shown = by(hq, id);
      await shown.waitFor();
      const found = /https?:\S+/.exec(
        (await shown.evaluate((e) => /** @type {HTMLInputElement} */ (e).value || e.textContent)) ?? "",
      );
      assert.ok(found, `${id} shows a link`);
      return found[0];
    };
    const signIn = await text("created-sign-in");
    roomLink = await text("created-room");
    await desk.goto(signIn);
    await desk.waitForURL("**/desk");
    await hq.keyboard.press("Escape");
  });

  test("before the show, the room says so and sells nothing", async () => {
    await enterRoom(buyer, roomLink);
    await buyer
      .getByText(/not begun|not started|starts soon|soon/i)
      .first()
      .waitFor();
  });

  test("the show begins, the camera is in the room, and the first sale is the distributor's", async () => {
    await by(hq, "show-start").click();
    await by(hq, "publish-start").click();
    await framesAdvance(buyer, 15);
    const order = await buy(buyer, { name: "Bea Buyer", phone: "13800000009", provider: "manual" });
    await by(hq, "tab-orders").click();
    const row = orderRow(hq, order, "reserved");
    assert.equal(await row.getAttribute("data-distributor"), "Old Street");
    await row.locator('[data-testid="order-confirm"]').click();
    await resultIs(buyer, "paid");
    await orderRow(desk, order, "paid").waitFor();
    assert.equal(await orderRow(desk, order).getAttribute("data-commission"), "248"); // 12.5 % of 19.90, down
  });

  test("the show ends everywhere", async () => {
    await by(hq, "show-end").click();
    await by(hq, "show-end-confirm").click();
    await buyer.keyboard.press("Escape");
    await buyer
      .getByText(/thank|over|ended/i)
      .first()
      .waitFor();
    for (const page of [hq, desk, buyer]) assert.deepEqual(page.faults, []);
  });
});
