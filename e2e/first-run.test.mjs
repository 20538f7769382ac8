// A brand's first hour: set up by the one-time link, a product, a distributor, the camera,
// the show, a sale by hand, the end of the show.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { by, framesAdvance, launch, newPage, phone } from "./lib/browser.mjs";
import { buy, enterRoom, orderRow, resultIs, signIn } from "./lib/people.mjs";
import { startEmpty } from "./lib/server.mjs";

const picture = new URL("../cmd/shopcast/demo/products/6.jpg", import.meta.url).pathname;

describe("a brand's first hour", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Awaited<ReturnType<typeof startEmpty>>} */ let server;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let studio;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let desk;
  /** @type {Awaited<ReturnType<typeof newPage>>} */ let buyer;
  const links = { desk: "", room: "" };

  before(async () => {
    [browser, server] = await Promise.all([launch(), startEmpty()]);
    studio = await newPage(browser, { permissions: ["camera", "microphone"] });
    desk = await newPage(browser, phone);
    buyer = await newPage(browser, phone);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the setup link makes the brand and its owner", async () => {
    await studio.goto(server.setup);
    await setUp(studio, server.setup);
    await studio.waitForURL("**/studio");
  });

  test("the link works once", async () => {
    const other = await newPage(browser);
    await setUp(other, server.setup);
    await other.locator('[role="alert"]').filter({ hasText: /\S/ }).first().waitFor();
    assert.match(other.url(), /\/setup/);
    await other.context().close();
  });

  test("name and password open the studio, a wrong password does not", async () => {
    const other = await newPage(browser);
    await other.goto(new URL("/signin?next=/studio", server.setup).href);
    await by(other, "signin-name").fill("nora");
    await by(other, "signin-password").fill("something else entirely");
    await by(other, "signin-submit").click();
    await other.locator('[role="alert"]').filter({ hasText: /\S/ }).first().waitFor();
    await by(other, "signin-password").fill("a long enough sentence");
    await by(other, "signin-submit").click();
    await other.waitForURL("**/studio");
    await other.context().close();
  });

  test("a product with a picture goes on the shelf and is explained", async () => {
    await by(studio, "product-new").click();
    await by(studio, "product-title").fill("Heather honey");
    await by(studio, "product-price").fill("12.50");
    await by(studio, "product-stock").fill("2");
    await by(studio, "product-picture").setInputFiles(picture);
    await studio.locator('.picture-frame img[src^="/pictures/"]').waitFor();
    await by(studio, "product-save").click();
    await by(studio, "product-row").waitFor();
    const shelf = by(studio, "product-shelf");
    if ((await shelf.getAttribute("aria-checked")) !== "true") await shelf.click();
    await by(studio, "product-shelf").and(studio.locator('[aria-checked="true"]')).waitFor();
  });

  test("a distributor gets a room and a desk", async () => {
    await by(studio, "tab-people").click();
    await by(studio, "distributor-new").click();
    await by(studio, "distributor-name").fill("Harbour Shop");
    await by(studio, "distributor-rate").fill("10");
    await by(studio, "distributor-slug").fill("harbour");
    await by(studio, "distributor-create").click();
    links.desk = await by(studio, "created-sign-in").inputValue();
    links.room = await by(studio, "created-room").inputValue();
    await studio.keyboard.press("Escape");
    await signIn(desk, links.desk, "desk");
    await by(desk, "room-qr").waitFor();
    assert.match((await by(desk, "room-link").getAttribute("href")) ?? "", /\/r\/harbour\/rt1\./);
  });

  test("before the show the room says so; then it begins by itself", async () => {
    await enterRoom(buyer, links.room);
    await buyer.getByText("Harbour Shop").first().waitFor();
    await by(studio, "publish-start").click();
    await by(studio, "stage-state").and(studio.locator('[data-state="live"]')).waitFor();
    await by(studio, "show-start").click();
    await framesAdvance(buyer, 15);
    await by(studio, "product-pin").click();
    await by(buyer, "pinned-card").waitFor();
    await by(desk, "viewers").filter({ hasText: "1" }).waitFor();
  });

  test("a sale by hand reaches the desk with its commission", async () => {
    const order = await buy(buyer, { name: "Olive Hart", phone: "+44 20 7946 0000", provider: "manual" });
    await by(studio, "tab-orders").click();
    await orderRow(studio, order, "reserved").locator('[data-testid="order-confirm"]').click();
    await resultIs(buyer, "paid");
    const row = orderRow(desk, order, "paid");
    await row.waitFor();
    assert.equal(await row.getAttribute("data-commission"), "125");
  });

  test("the show ends for everybody", async () => {
    await buyer.keyboard.press("Escape");
    await by(studio, "show-end").click();
    await by(studio, "show-end-confirm").click();
    await by(studio, "show-start").waitFor();
    await by(buyer, "pinned-card").waitFor({ state: "detached" });
    for (const page of [studio, desk, buyer]) assert.deepEqual(page.faults, []);
  });
});

/** @param {import("playwright-core").Page} page @param {string} link */
async function setUp(page, link) {
  await page.goto(link);
  await by(page, "setup-brand").fill("North & Daughters");
  await by(page, "setup-name").fill("nora");
  await by(page, "setup-password").fill("a long enough sentence");
  await by(page, "setup-submit").click();
}
