// Every page in every state worth looking at, for the pictures and the accessibility check.
import { by, desktop, eventually, framesAdvance, newPage, phone } from "./browser.mjs";
import { catalogue } from "./catalogue.mjs";
import { buy, enterRoom, fillCheckout, placedOrder, resultIs, say, signIn } from "./people.mjs";

export const sizes = { phone, desktop };
export const languages = /** @type {const} */ (["en", "zh-CN"]);

/**
 * @typedef {object} Stop
 * @property {string} name
 * @property {import("playwright-core").Page} page
 */

const lines = {
  en: ["Does the serum suit dry skin?", "Just ordered two, thank you!", "How long does the candle burn?"],
  "zh-CN": ["精华适合干皮吗？", "刚下单两瓶，谢谢主播！", "蜡烛能烧多久呀？"],
};
const buyers = {
  en: { name: "Grace Miller", address: "12 Maple Street, Portland" },
  "zh-CN": { name: "王小雨", address: "杭州市西湖区文三路 12 号" },
};

/**
 * Walks through all pages of a demo in one language and size. Sign-in links work once,
 * so each walk needs a server of its own.
 * @param {import("playwright-core").Browser} browser
 * @param {{demo: import("./server.mjs").Server, setup: string, lang: typeof languages[number], size: keyof typeof sizes}} where
 * @returns {AsyncGenerator<Stop>}
 */
export async function* tour(browser, { demo, setup, lang, size }) {
  const options = { ...sizes[size], locale: lang };
  const open = () => newPage(browser, options);
  yield* roomStops(await open(), demo, lang, size);
  yield* studioStops(await open(), demo, lang, size);

  const desk = await open();
  await signIn(desk, demo.desk(demo.room("lin").distributor).url, "desk");
  await by(desk, "order-row").first().waitFor();
  yield { name: "desk", page: desk };
  await by(desk, "order-open").first().click();
  await by(desk, "explain").waitFor();
  yield { name: "desk-order", page: desk };

  for (const [name, url] of [
    ["landing", demo.links.url],
    ["signin", `${demo.links.url}/signin`],
    ["not-found", `${demo.links.url}/r/no-such-room`],
    ["setup", setup],
  ]) {
    const page = await open();
    await page.goto(/** @type {string} */ (url));
    await page.waitForLoadState("networkidle");
    yield { name: /** @type {string} */ (name), page };
  }
}

/**
 * @param {import("playwright-core").Page} page @param {import("./server.mjs").Server} demo
 * @param {typeof languages[number]} lang @param {keyof typeof sizes} size
 * @returns {AsyncGenerator<Stop>}
 */
async function* roomStops(page, demo, lang, size) {
  await enterRoom(page, demo.room("lin").url);
  await framesAdvance(page, 10);
  await by(page, "pinned-card").waitFor();
  for (const text of lines[lang]) {
    await say(page, text);
    await by(page, "chat-line").filter({ hasText: text }).waitFor();
  }
  yield { name: "room", page };

  await by(page, "bag-button").click();
  await by(page, "product-add").nth(2).waitFor();
  yield { name: "room-products", page };
  if (size === "phone") await page.keyboard.press("Escape");

  await by(page, "share").click();
  await by(page, "share-link").waitFor();
  yield { name: "room-share", page };
  await page.keyboard.press("Escape");

  await fillCheckout(page, { ...buyers[lang], phone: "13812345678", provider: "demo" });
  await by(page, "checkout-coupon").fill("NOSUCHCODE");
  await by(page, "coupon-apply").click();
  await page.locator(".coupon .field-error").waitFor();
  yield { name: "room-checkout", page };
  await by(page, "checkout-coupon").fill(catalogue.coupon.code);
  await by(page, "coupon-apply").click();
  await by(page, "coupon-applied").waitFor();
  yield { name: "room-checkout-coupon", page };

  await by(page, "place-order").click();
  await placedOrder(page);
  yield { name: "room-order", page };

  const opened = page.context().waitForEvent("page");
  await by(page, "pay-link").click();
  const payment = await opened;
  await by(payment, "approve").waitFor();
  yield { name: "pay", page: payment };
  await by(payment, "approve").click();
  await resultIs(page, "paid");
  yield { name: "room-paid", page };
}

/**
 * @param {import("playwright-core").Page} page @param {import("./server.mjs").Server} demo
 * @param {typeof languages[number]} lang @param {keyof typeof sizes} size
 * @returns {AsyncGenerator<Stop>}
 */
async function* studioStops(page, demo, lang, size) {
  const buyer = await newPage(/** @type {any} */ (page.context().browser()), {
    ...sizes[size],
    locale: lang,
  });
  await enterRoom(buyer, demo.room("sunny").url);
  await buy(buyer, { ...buyers[lang], phone: "13998765432", provider: "manual" });

  await signIn(page, demo.links.studio, "studio");
  await by(page, "product-row").first().waitFor();
  await framesAdvance(page, 10);
  yield { name: "studio", page };
  await by(page, "tab-orders").click();
  await by(page, "order-row").first().waitFor();
  yield { name: "studio-orders", page };
  const paid = by(page, "order-row").and(page.locator('[data-state="paid"]')).first();
  await by(paid, "order-open").click();
  await by(page, "explain").waitFor();
  yield { name: "studio-order", page };
  for (const what of ["ship", "refund", "reassign"]) {
    await by(page, `order-${what}`).click();
    await by(page, `${what}-confirm`).waitFor();
    if (what === "refund") await by(page, "refund-some").check();
    yield { name: `studio-order-${what}`, page };
    await page.keyboard.press("Escape");
    await by(page, `${what}-confirm`).waitFor({ state: "hidden" });
  }
  await page.keyboard.press("Escape");
  await by(page, "explain").waitFor({ state: "hidden" });
  await by(page, "tab-people").click();
  await by(page, "distributor-row").first().waitFor();
  yield { name: "studio-people", page };
  await by(page, "distributor-new").click();
  await by(page, "distributor-name").waitFor();
  yield { name: "studio-new-distributor", page };
  await page.keyboard.press("Escape");

  await demo.kill();
  await eventually("the room says that the connection is lost", () =>
    by(buyer, "strip").filter({ hasText: /\S/ }).waitFor({ timeout: 1000 }),
  );
  await buyer.keyboard.press("Escape");
  yield { name: "room-lost", page: buyer };
  await demo.start();
  await framesAdvance(buyer, 5, 40_000);
}
