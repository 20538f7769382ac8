// Every page in every state, as phone in English and desktop in Chinese, under axe:
// nothing that WCAG 2.2 AA forbids, no error in the console, nothing wider than the screen.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { violations } from "./lib/axe.mjs";
import { launch } from "./lib/browser.mjs";
import { startDemo, startEmpty } from "./lib/server.mjs";
import { tour } from "./lib/tour.mjs";

for (const [lang, size] of /** @type {const} */ ([
  ["en", "phone"],
  ["zh-CN", "desktop"],
])) {
  describe(`every page, ${lang}, ${size}`, () => {
    /** @type {import("playwright-core").Browser} */ let browser;
    /** @type {import("./lib/server.mjs").Server} */ let demo;
    /** @type {Awaited<ReturnType<typeof startEmpty>>} */ let empty;

    before(async () => {
      [browser, demo, empty] = await Promise.all([launch(), startDemo({ lang }), startEmpty()]);
    });

    after(async () => {
      await browser?.close();
      await Promise.all([demo?.close(), empty?.close()]);
    });

    test("is reachable, fits, and can be used by everybody", async (t) => {
      for await (const { name, page } of tour(browser, { demo, setup: empty.setup, lang, size })) {
        await t.test(name, async () => {
          assert.equal(await page.locator("html").getAttribute("lang"), lang);
          const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert.ok(over <= 0, `${over} px wider than the screen`);
          assert.deepEqual(await violations(page), []);
        });
      }
    });
  });
}
