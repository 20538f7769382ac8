// Pictures of every page, as phone and desktop, in English and Chinese, into out/.
//   node screenshots.mjs            all of them
//   node screenshots.mjs --readme   also docs/screenshots/readme.png, from three of them
import { mkdirSync, readFileSync } from "node:fs";
import { launch, newPage, out } from "./lib/browser.mjs";
import { startDemo, startEmpty } from "./lib/server.mjs";
import { languages, sizes, tour } from "./lib/tour.mjs";

const browser = await launch();
try {
  for (const lang of languages) {
    for (const size of /** @type {(keyof typeof sizes)[]} */ (Object.keys(sizes))) await shoot(lang, size);
  }
  if (process.argv.includes("--readme")) await composeReadme();
} finally {
  await browser.close();
}

/** @param {typeof languages[number]} lang @param {keyof typeof sizes} size */
async function shoot(lang, size) {
  const [demo, empty] = await Promise.all([startDemo({ lang, orders: true }), startEmpty()]);
  try {
    for await (const { name, page } of tour(browser, { demo, setup: empty.setup, lang, size })) {
      const path = `${out}${lang}-${size}-${name}.png`;
      await page.screenshot({ path, animations: "disabled" });
      console.log(path);
    }
  } finally {
    await Promise.all([demo.close(), empty.close()]);
  }
}

/** One wide picture: a room on a phone, the studio, a desk on a phone. */
async function composeReadme() {
  const page = await newPage(browser, { viewport: { width: 1480, height: 760 }, deviceScaleFactor: 1 });
  const url = (/** @type {string} */ name) =>
    `data:image/png;base64,${readFileSync(`${out}${name}.png`).toString("base64")}`;
  await page.setContent(`<style>
    body { margin: 0; height: 100vh; display: flex; gap: 28px; align-items: center; justify-content: center;
      background: linear-gradient(135deg, #f4e7dc, #d9b9a6); }
    img { display: block; border-radius: 14px; box-shadow: 0 18px 50px #5b382a55; }
    .phone { height: 640px; border-radius: 30px; } .desktop { width: 800px; }
  </style>
  <img class="phone" src="${url("en-phone-room")}"><img class="desktop" src="${url("en-desktop-studio-orders")}"><img class="phone" src="${url("en-phone-desk")}">`);
  const folder = new URL("../docs/screenshots/", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}readme.png` });
  console.log(`${folder}readme.png`);
}
