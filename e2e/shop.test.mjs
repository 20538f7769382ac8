// What the shop engine can do, as people meet it: variants, a special price, a coupon,
// shipping, sharing, and HQ's corrections afterwards.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { violations } from "./lib/axe.mjs";
import { by, launch, newPage, phone } from "./lib/browser.mjs";
import { catalogue } from "./lib/catalogue.mjs";
import { enterRoom, orderRow, payDemo, placedOrder, resultIs, signIn } from "./lib/people.mjs";
import { startDemo } from "./lib/server.mjs";

/** @typedef {Awaited<ReturnType<typeof newPage>>} Page */

const [serum, cream] = catalogue.products;
const big = cream.variants[1]; // 100 g
const [standard, express] = catalogue.shippings;
const friendsBrowser =
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";

describe("variants, coupons, shipping, sharing, corrections", () => {
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {import("./lib/server.mjs").Server} */ let server;
  /** @type {Record<"buyer" | "studio" | "desk" | "sharer" | "friend", Page>} */
  const pages = /** @type {any} */ ({});
  let [order, friendsOrder, sharer, shareLink] = ["", "", "", ""];

  before(async () => {
    [browser, server] = await Promise.all([launch(), startDemo({ clip: false })]);
    for (const name of /** @type {const} */ (["buyer", "sharer"]))
      pages[name] = await newPage(browser, phone);
    for (const name of /** @type {const} */ (["studio", "desk"])) pages[name] = await newPage(browser);
    // Another person: on the sharer's own device there would be no bounty.
    pages.friend = await newPage(browser, { ...phone, userAgent: friendsBrowser });
    await signIn(pages.studio, server.links.studio, "studio");
    await signIn(pages.desk, server.desk(server.room("lin").distributor).url, "desk");
    await by(pages.studio, "tab-orders").click();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test("a product shows its variants, the sold-out one too, and a special price what it was", async () => {
    const page = pages.buyer;
    await enterRoom(page, server.room("lin").url);
    const pinned = by(page, "pinned-card");
    await pinned.getByText(dollars(serum.offer_minor.USD)).waitFor();
    await pinned.locator("s").getByText(dollars(serum.price_minor.USD)).waitFor();
    await by(pinned, "offer-ends").waitFor();
    await by(page, "bag-button").click();
    const row = page.locator(".product").filter({ hasText: cream.title.en });
    const chips = by(row, "variant");
    assert.equal(await chips.count(), 3);
    assert.equal(await chips.nth(2).isDisabled(), true, "the travel size is sold out");
    await row.getByRole("radio", { name: big.name.en, exact: true }).check();
    await row.getByText(dollars(big.price_minor.USD)).waitFor();
    assert.deepEqual(await violations(page), []);
    await by(row, "product-add").click();
    await by(page, "bag-count").filter({ hasText: "1" }).waitFor();
  });

  test("a wrong code is refused in its place, the right one is taken off, and shipping is chosen", async () => {
    const page = pages.buyer;
    await by(page, "checkout-open").click();
    await total(page, big.price_minor.USD); // over the limit from which standard is free
    await by(page, "checkout-coupon").fill("NOSUCHCODE");
    await by(page, "coupon-apply").click();
    await page.getByText("This code does not apply here").waitFor();
    await by(page, "checkout-coupon").fill(catalogue.coupon.code.toLowerCase());
    await by(page, "coupon-apply").click();
    await by(page, "coupon-applied").waitFor();
    const net = big.price_minor.USD - Math.floor((big.price_minor.USD * catalogue.coupon.bp) / 10_000);
    assert.ok(net >= standard.free_over_minor.USD, "the catalogue's figures make standard free");
    await total(page, net);
    await by(page, "shipping").nth(1).check();
    await total(page, net + express.price_minor.USD);
    await by(page, "checkout-name").fill("Vera Buyer");
    await by(page, "checkout-phone").fill("13800000021");
    await by(page, "checkout-address").fill("1 Harbour Road, Springfield");
    await by(page, "pay-demo").check();
    assert.deepEqual(await violations(page), []);
    await by(page, "place-order").click();
    order = await placedOrder(page);
    await total(page, net + express.price_minor.USD);
    await payDemo(page, "approve");
    await resultIs(page, "paid");
    assert.deepEqual(await violations(page), []);
  });

  test("the order's own page opens by its link", async () => {
    const opened = pages.buyer.context().waitForEvent("page");
    await by(pages.buyer, "order-page").click();
    const own = await opened;
    await own.getByText(big.name.en).first().waitFor();
    await own.close();
  });

  test("the coupon works once per customer", async () => {
    const page = pages.buyer;
    await page.keyboard.press("Escape");
    await by(page, "pinned-add").click();
    await by(page, "bag-button").click();
    await by(page, "checkout-open").click();
    await by(page, "checkout-coupon").fill(catalogue.coupon.code);
    await by(page, "coupon-apply").click();
    await by(page, "coupon-applied").waitFor();
    await by(page, "place-order").click();
    await page.getByText("This code has been used up").waitFor();
    await total(page, serum.offer_minor.USD + express.price_minor.USD); // the way they chose last time
    await page.keyboard.press("Escape");
  });

  test("a viewer shares the room, and who comes by their link and buys was brought by them", async () => {
    const { sharer: page, friend } = pages;
    await enterRoom(page, server.room("lin").url);
    await by(page, "share").click();
    const link = by(page, "share-link");
    await link.waitFor();
    assert.match((await by(page, "share-code").textContent()) ?? "", /^\d{3} \d{3}$/);
    const qr = /** @type {string} */ (await by(page, "share-qr").getAttribute("src"));
    assert.equal((await page.request.get(new URL(qr, server.links.url).href)).status(), 200);
    assert.deepEqual(await violations(page), []);
    sharer = (await by(page, "share-sheet").getAttribute("data-sharer")) ?? "";
    shareLink = (await link.textContent()) ?? "";
    await enterRoom(friend, shareLink);
    await by(friend, "pinned-add").click();
    await by(friend, "bag-button").click();
    await by(friend, "checkout-open").click();
    await by(friend, "checkout-name").fill("Fay Friend");
    await by(friend, "checkout-phone").fill("13800000022");
    await by(friend, "checkout-address").fill("2 Harbour Road, Springfield");
    await by(friend, "pay-demo").check();
    await by(friend, "place-order").click();
    friendsOrder = await placedOrder(friend);
    await payDemo(friend, "approve");
    await resultIs(friend, "paid");
  });

  test("the studio says why the order is theirs, and who brought the buyer", async () => {
    const { studio } = pages;
    await open(studio, friendsOrder);
    await step(studio, "referral").waitFor();
    assert.match(sharer, /^shr_/);
    for (const kind of ["touch", "placed", "referral"]) {
      assert.equal(await step(studio, kind).first().getAttribute("data-sharer"), sharer, kind);
    }
    await step(studio, "rate").first().waitFor();
    await step(studio, "entry").first().waitFor();
    assert.deepEqual(await violations(studio), []);
    await studio.keyboard.press("Escape");
  });

  test("HQ sends the order; the buyer sees the parcel", async () => {
    const { studio, buyer } = pages;
    await open(studio, order);
    await by(studio, "order-ship").click();
    await by(studio, "ship-carrier").fill("Swift Post");
    await by(studio, "ship-tracking").fill("SP 4711");
    await by(studio, "ship-confirm").click();
    await step(studio, "shipped").waitFor();
    await by(studio, "order-deliver").click();
    await by(studio, "deliver-confirm").click();
    await step(studio, "delivered").waitFor();
    await by(buyer, "bag-button").click();
    await buyer.getByRole("tab", { name: "My orders" }).click();
    await orderRow(buyer, order, "paid").click();
    await by(buyer, "parcels").getByText("SP 4711").waitFor();
  });

  test("HQ gives the order to another distributor, and the desks follow", async () => {
    const { studio, desk } = pages;
    await orderRow(desk, order, "paid").waitFor();
    await by(studio, "order-reassign").click();
    await by(studio, "reassign-to").selectOption({ label: server.room("sunny").distributor });
    await by(studio, "reassign-why").fill("The buyer asked Sunny first");
    assert.deepEqual(await violations(studio), []);
    await by(studio, "reassign-confirm").click();
    await step(studio, "corrected").waitFor();
    await by(studio, "order-row")
      .and(studio.locator(`[data-order="${order}"][data-distributor="${server.room("sunny").distributor}"]`))
      .waitFor();
  });

  test("HQ gives everything back; the buyer sees it", async () => {
    const { studio, buyer } = pages;
    await by(studio, "order-refund").click();
    assert.deepEqual(await violations(studio), []);
    await by(studio, "refund-reason").fill("Arrived broken");
    await by(studio, "refund-confirm").click();
    await step(studio, "refund").waitFor();
    await orderRow(studio, order, "closed").waitFor();
    await resultIs(buyer, "closed");
    await studio.keyboard.press("Escape");
  });

  test("HQ gives back the goods of another order, and not the shipping", async () => {
    const { studio } = pages;
    await open(studio, friendsOrder);
    await by(studio, "order-refund").click();
    await by(studio, "refund-some").check();
    await by(studio, "refund-units").getByRole("button", { name: "One more" }).click();
    await by(studio, "refund-confirm").click();
    await step(studio, "refund").getByText(dollars(serum.offer_minor.USD)).waitFor();
    await by(studio, "order-sheet").getByText("Partly refunded").waitFor();
    await studio.keyboard.press("Escape");
  });

  test("the desk explains its orders too, with its own money and a masked buyer", async () => {
    const { desk } = pages;
    await open(desk, friendsOrder);
    await step(desk, "rate").waitFor();
    assert.equal(await step(desk, "rate").count(), 1, "only their own share");
    const text = (await by(desk, "order-sheet").textContent()) ?? "";
    assert.ok(!text.includes("Fay Friend"), "the desk shows a buyer's full name");
    assert.deepEqual(await violations(desk), []);
  });

  test("no page met an error, and the books are right", async () => {
    for (const [name, page] of Object.entries(pages)) assert.deepEqual(page.faults, [], name);
    await browser.close();
    assert.equal(await server.stop(), 0, "Ctrl-C ends cleanly");
    assert.match(server.verifyBooks(), /books are right/);
  });
});

/** @param {number} minor */
const dollars = (minor) => `$${minor % 100 ? (minor / 100).toFixed(2) : minor / 100}`;

/** Waits until the sums on show come to so much. @param {Page} page @param {number} minor */
const total = (page, minor) =>
  by(page, "sums")
    .and(page.locator(`[data-total="${minor}"]`))
    .waitFor();

/** Opens the sheet of an order on studio or desk. @param {Page} page @param {string} id */
const open = (page, id) => by(orderRow(page, id), "order-open").click();

/** A step of the explanation on show. @param {Page} page @param {string} kind */
const step = (page, kind) => by(page, "explain").locator(`[data-kind="${kind}"]`);
