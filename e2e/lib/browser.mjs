// One Chromium for a test file, pages in contexts of their own (own cookies = own
// viewer), and what a test must know of a <video>.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const findBrowser = new URL("../../scripts/find-browser.sh", import.meta.url).pathname;
export const out = new URL("../out/", import.meta.url).pathname;

/** How long a page may take to show what a test waits for. CI has two slow cores. */
export const patienceMs = 20_000;

export const phone = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
export const desktop = { viewport: { width: 1440, height: 900 } };

/** @param {...string} more command line flags of this browser alone */
export function launch(...more) {
  mkdirSync(out, { recursive: true });
  return chromium.launch({
    executablePath: execFileSync(findBrowser, { encoding: "utf8" }).trim(),
    // Autoplay rules stay as people have them: a page that needs a gesture must fail here.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-default-apps",
      "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows",
      "--disable-renderer-backgrounding",
      "--no-first-run",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      ...more,
    ],
  });
}

/**
 * Opens a page in a context of its own. Its peer connections can be read as
 * window.peers, and whatever breaks in it is kept in page.faults.
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ locale: "en-US", ...desktop, ...options });
  context.setDefaultTimeout(patienceMs);
  await context.addInitScript(keepPeers);
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(`${error}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) {
      faults.push(message.text());
    }
  });
  return Object.assign(page, { faults });
}

/** Runs in the page before its own scripts. */
export function keepPeers() {
  const Plain = window.RTCPeerConnection;
  /** @type {RTCPeerConnection[]} */
  const peers = [];
  window.RTCPeerConnection = class extends Plain {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      peers.push(this);
    }
  };
  Object.assign(window, { peers });
}

/** @param {import("playwright-core").Page | import("playwright-core").Locator} inside @param {string} id */
export const by = (inside, id) => inside.locator(`[data-testid="${id}"]`);

/**
 * Waits until the page's video has shown `frames` more frames, and answers when
 * (page time, ms) the first and the last of them came and how big they are.
 * @param {import("playwright-core").Page} page
 */
export function framesAdvance(page, frames = 15, limitMs = patienceMs) {
  return page.evaluate(
    ([frames, limitMs]) =>
      /** @type {Promise<{firstMs: number, lastMs: number, width: number, height: number}>} */ (
        new Promise((resolve, reject) => {
          const limit = setTimeout(
            () => reject(new Error(`no ${frames} frames within ${limitMs} ms`)),
            limitMs,
          );
          let seen = 0;
          let firstMs = 0;
          /** @param {HTMLVideoElement} video */
          const watch = (video) =>
            video.requestVideoFrameCallback((now, { width, height }) => {
              seen++;
              if (seen === 1) firstMs = now;
              if (seen < frames) return watch(video);
              clearTimeout(limit);
              resolve({ firstMs, lastMs: now, width, height });
            });
          const find = () => {
            const video = /** @type {HTMLVideoElement | null} */ (
              document.querySelector('[data-testid="video"]')
            );
            if (video) watch(video);
            else requestAnimationFrame(find);
          };
          find();
        })
      ),
    [frames, limitMs],
  );
}

/**
 * How long a viewer waited for the first frame, from the start of the navigation.
 * Call it as soon as the page has been asked for.
 * @param {import("playwright-core").Page} page
 */
export async function firstFrameMs(page) {
  const { firstMs } = await framesAdvance(page, 1);
  return Math.round(firstMs);
}

/**
 * Waits until check answers without throwing; for states that only a server knows.
 * @template T
 * @param {string} what
 * @param {() => Promise<T> | T} check
 * @returns {Promise<T>}
 */
export async function eventually(what, check, limitMs = patienceMs) {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what}: ${error}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
