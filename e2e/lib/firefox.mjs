// Firefox as Debian ships it, through WebDriver BiDi, with no more of a driver than the
// tests need: https://w3c.github.io/webdriver-bidi/
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { keepPeers } from "./browser.mjs";

const findBrowser = new URL("../../scripts/find-browser.sh", import.meta.url).pathname;
const startLimitMs = 60_000;
const commandLimitMs = 30_000;

export async function launchFirefox() {
  const profile = mkdtempSync(join(tmpdir(), "shopcast-firefox-"));
  const path = execFileSync(findBrowser, ["firefox"], { encoding: "utf8" }).trim();
  const args = [
    "--headless",
    "--no-remote",
    "--profile",
    profile,
    "--remote-debugging-port",
    "0",
    "about:blank",
  ];
  const child = spawn(path, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const close = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const bidi = await connect(await address(child));
    await bidi("session.new", { capabilities: {} });
    await bidi("script.addPreloadScript", { functionDeclaration: `${keepPeers}` });
    return { newPage: () => newPage(bidi), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param {import("node:child_process").ChildProcessByStdio<null, null, import("node:stream").Readable>} child */
function address(child) {
  return /** @type {Promise<string>} */ (
    new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        const url = /BiDi listening on (ws:\S+)/.exec(line)?.[1];
        if (url) resolve(`${url}/session`);
      });
      child.once("exit", (code) => reject(new Error(`Firefox ended with ${code}`)));
      setTimeout(() => reject(new Error("Firefox did not start")), startLimitMs).unref();
    })
  );
}

/**
 * Answers with a function that sends a command and waits for its result.
 * @param {string} url
 */
async function connect(url) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  /** @type {Map<number, (answer: any) => void>} */
  const waiting = new Map();
  socket.on("message", (text) => {
    const answer = JSON.parse(`${text}`);
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let id = 0;
  return (/** @type {string} */ method, /** @type {object} */ params) =>
    new Promise((/** @type {(result: any) => void} */ resolve, reject) => {
      id++;
      const limit = setTimeout(() => reject(new Error(`${method}: no answer`)), commandLimitMs);
      waiting.set(id, (answer) => {
        clearTimeout(limit);
        if (answer.type === "success") resolve(answer.result);
        else reject(new Error(`${method}: ${answer.error}: ${answer.message}`));
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
}

/**
 * A page with what the helpers of these tests ask of Playwright's.
 * @param {Awaited<ReturnType<typeof connect>>} bidi
 */
async function newPage(bidi) {
  const { context } = await bidi("browsingContext.create", { type: "tab" });
  /** @param {(argument: any) => unknown} run @param {unknown} [argument] */
  const evaluate = async (run, argument) => {
    const { type, result, exceptionDetails } = await bidi("script.callFunction", {
      functionDeclaration: `async () => JSON.stringify(await (${run})(${JSON.stringify(argument)}))`,
      target: { context },
      awaitPromise: true,
    });
    if (type !== "success") throw new Error(exceptionDetails.text);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  };
  /** @param {string} url */
  const goto = (url) => bidi("browsingContext.navigate", { context, url, wait: "interactive" });
  return /** @type {import("playwright-core").Page} */ (/** @type {unknown} */ ({ goto, evaluate }));
}
