// What people do on the pages, in the words of the story: buy, say, sign in.
import assert from "node:assert/strict";
import { by, patienceMs } from "./browser.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page @param {string} url */
export async function enterRoom(page, url) {
  await page.goto(url, { waitUntil: "commit" });
}

/**
 * Follows a one-time sign-in link and waits for the face behind it.
 * @param {Page} page @param {string} url @param {"studio" | "desk"} face
 */
export async function signIn(page, url, face) {
  await page.goto(url);
  await page.waitForURL(`**/${face}`);
}

/** @param {Page} page @param {string} text */
export async function say(page, text) {
  await by(page, "chat-input").first().fill(text);
  await by(page, "chat-send").first().click();
}

/** @param {Page} page @param {string} text */
export const chatLine = (page, text) => by(page, "chat-line").filter({ hasText: text });

/**
 * A person who buys. The phone number is who they are to the shop: the same number is
 * the same customer, and belongs to the distributor the customer belongs to.
 * @typedef {{name: string, phone: string, address?: string, provider: "manual" | "demo"}} Buyer
 */

/**
 * Puts the product being explained into the bag and fills in the checkout, without
 * placing the order.
 * @param {Page} page @param {Buyer} buyer
 */
export async function fillCheckout(page, { name, phone, address = "1 Harbour Road, Springfield", provider }) {
  await by(page, "pinned-add").click();
  await by(page, "bag-count").filter({ hasText: "1" }).waitFor();
  await by(page, "bag-button").click();
  await by(page, "checkout-open").click();
  await by(page, "checkout-name").fill(name);
  await by(page, "checkout-phone").fill(phone);
  await by(page, "checkout-address").fill(address);
  await by(page, `pay-${provider}`).check();
  await by(page, "sums").waitFor();
}

/**
 * Buys the product being explained and answers with the order's id.
 * @param {Page} page @param {Buyer} buyer
 */
export async function buy(page, buyer) {
  await fillCheckout(page, buyer);
  await by(page, "place-order").click();
  return placedOrder(page);
}

/** @param {Page} page */
export async function placedOrder(page) {
  const result = by(page, "order-result");
  await result.waitFor();
  const id = await result.getAttribute("data-order");
  assert.match(id ?? "", /^ord_/);
  return /** @type {string} */ (id);
}

/**
 * Opens the order's demo payment page and answers it as the buyer does.
 * @param {Page} page @param {"approve" | "decline"} answer
 */
export async function payDemo(page, answer) {
  const opened = page.context().waitForEvent("page");
  await by(page, "pay-link").click();
  const payment = await opened;
  await by(payment, answer).click();
  const state = answer === "approve" ? "paid" : "declined";
  await by(payment, "payment")
    .and(payment.locator(`[data-state="${state}"]`))
    .waitFor();
  await payment.close();
}

/** @param {Page} page @param {string} order @param {string} [state] */
export const orderRow = (page, order, state) =>
  by(page, "order-row").and(page.locator(`[data-order="${order}"]${state ? `[data-state="${state}"]` : ""}`));

/** @param {Page} page @param {string} state */
export const resultIs = (page, state) =>
  by(page, "order-result")
    .and(page.locator(`[data-state="${state}"]`))
    .waitFor({ timeout: patienceMs });
