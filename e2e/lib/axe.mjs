// What WCAG 2.2 AA forbids and a page does all the same.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * Names the rules a page breaks and where, [] when none.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
export async function violations(page) {
  await page.evaluate(settled);
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: tags });
    return violations;
  });
  return found.map(
    (/** @type {any} */ v) =>
      `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.target.join(" ")).slice(0, 3)}`,
  );
}

/** Waits for what fades or slides in to be there: half of a fade has half of the contrast. */
function settled() {
  const ending = document
    .getAnimations()
    .filter((a) => a.effect?.getComputedTiming().iterations !== Infinity);
  return Promise.all(ending.map((a) => a.finished.catch(() => undefined))).then(() => undefined);
}
