// Whoever joins sees a picture at once, wherever in the group of pictures that is: the
// last key frame and what followed come from the server's memory, and nobody is asked.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, launch, newPage } from "./lib/browser.mjs";
import { startDemo } from "./lib/server.mjs";
import { behindMs, join, leave, newGallery, videoStats } from "./lib/watch.mjs";
import { publish } from "./lib/whip.mjs";

const watchMs = 4000;
const keyAgeSeconds = 3; // when the server asks for another one, viewers or not
/** A join that a new key frame overtook says nothing: on a busy machine some are. */
const attempts = 6;

for (const { codec, from, moments } of /** @type {const} */ ([
  // The demo clip has a key frame every 2 s and answers no request, as OBS.
  { codec: "H264", from: "the demo clip", moments: [0, 400, 800, 1200] },
  // A browser sends key frames only when asked; the server asks when the last has aged.
  { codec: "VP8", from: "a browser", moments: [0, 700, 1400, 2000] },
])) {
  describe(`joining ${codec} of ${from}`, () => {
    /** @type {import("playwright-core").Browser} */ let browser;
    /** @type {import("./lib/server.mjs").Server} */ let server;
    /** @type {import("playwright-core").Page} */ let page;
    const veteran = 0;
    let asked = 0;
    let askedAt = 0;

    before(async () => {
      [browser, server] = await Promise.all([launch(), startDemo({ clip: codec === "H264" })]);
      if (codec === "VP8") {
        const encoder = await newPage(browser);
        await encoder.goto(server.links.url);
        const answer = await publish(encoder, server.links, { width: 480, height: 360 }, { codec });
        assert.equal(answer.status, 201);
      }
      page = await newGallery(browser, server);
      await eventually("somebody watches", () => join(page, "lin"));
      await eventually("and goes on watching", async () => {
        assert.ok((await videoStats(page, veteran)).decoded > 50);
      });
      assert.equal((await videoStats(page, veteran)).codec, `video/${codec}`);
      asked = await server.metric("key_requests_total");
      askedAt = Date.now();
    });

    after(async () => {
      await browser?.close();
      await server?.close();
    });

    for (const afterKeyMs of moments) {
      test(`${afterKeyMs} ms after a key frame`, async (t) => {
        const it = await joinBetweenKeys(afterKeyMs);
        t.diagnostic(
          `first frame ${it.firstFrameMs} ms after the connection (${it.sinceKeyMs} ms into the GOP)`,
        );

        const late = await eventually("the newcomer is live", async () => {
          const late = await behindMs(page, it.index, veteran);
          // On a busy machine it may be ahead: the other one's browser has buffered more by then.
          assert.ok(late < 250, `${late} ms behind who was there before`);
          return late;
        });
        const [began, other] = [await videoStats(page, it.index), await videoStats(page, veteran)];
        await page.waitForTimeout(watchMs);
        const [now, others] = [await videoStats(page, it.index), await videoStats(page, veteran)];
        const frames = now.decoded - began.decoded;
        t.diagnostic(
          `${late} ms behind; ${frames} frames in ${watchMs} ms, ${now.freezes} freezes (${now.frozenMs} ms), ${now.dropped} dropped, ${now.nacks} NACKs`,
        );
        // The one that was there before tells what this machine can show.
        assert.ok(frames > (others.decoded - other.decoded) / 2, `${frames} frames`);
        assert.ok(now.freezes <= 1 + others.freezes - other.freezes, `${now.freezes} freezes`);
        assert.equal(now.plis, 0, "the browser had nothing to ask for");
        await leave(page, it.index);
      });
    }

    test("the publisher was not asked on their behalf", async (t) => {
      const more = (await server.metric("key_requests_total")) - asked;
      const seconds = (Date.now() - askedAt) / 1000;
      t.diagnostic(`${more} key frames asked for within ${seconds.toFixed(0)} s`);
      assert.ok(more <= (codec === "H264" ? 0 : 1 + seconds / keyAgeSeconds));
    });

    /** @param {number} afterKeyMs */
    async function joinBetweenKeys(afterKeyMs) {
      for (let i = 1; ; i++) {
        const it = await join(page, "lin", { veteran, afterKeyMs });
        if (it.keysMeanwhile === 0) return it;
        assert.ok(i < attempts, "the first frame waits for the next key frame");
        await leave(page, it.index);
      }
    }
  });
}
