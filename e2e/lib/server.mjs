// Starts bin/shopcast as a test needs it, kills it as rudely as a test likes, and
// starts it again on the same ports and data.
import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const binary = new URL("../../bin/shopcast", import.meta.url).pathname;
const startLimitMs = 30_000;

/**
 * @typedef {object} Links what `shopcast demo --json` prints
 * @property {string} url
 * @property {{slug: string, name: string, distributor: string, url: string}[]} rooms
 * @property {string} studio
 * @property {{distributor: string, url: string}[]} desks
 * @property {string} stage_key
 * @property {string} whip_url
 * @property {string} data
 */

/**
 * @typedef {object} Options
 * @property {string} [lang]
 * @property {boolean} [clip] play the demo clip
 * @property {boolean} [orders] place made-up orders
 * @property {boolean} [allAddresses] media on every address of the machine, not only 127.0.0.1
 */

/** @param {Options} [options] */
export async function startDemo(options = {}) {
  const server = new Server(options, {
    pages: await freePort(),
    media: await freePort(),
    metrics: await freePort(),
  });
  await server.start();
  return server;
}

/**
 * Starts `shopcast serve` on an empty data directory and answers with its setup link.
 * @returns {Promise<{setup: string, close(): Promise<void>}>}
 */
export async function startEmpty() {
  const data = mkdtempSync(join(tmpdir(), "shopcast-e2e-"));
  const [pages, media] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const child = spawn(binary, ["serve", "--listen", pages, "--udp", media, "--data", data], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const setup = /https?:\S+\/setup#\S+/.exec(line)?.[0];
    if (!setup) continue;
    const close = () =>
      new Promise((/** @type {(_: void) => void} */ resolve) => {
        child.once("exit", () => {
          rmSync(data, { recursive: true, force: true });
          resolve();
        });
        child.kill("SIGINT");
      });
    return { setup, close };
  }
  throw new Error("shopcast serve printed no setup link");
}

export class Server {
  /** @type {Links} */
  links = /** @type {any} */ (undefined);
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  #errors = "";

  /**
   * @param {Options} options
   * @param {{pages: number, media: number, metrics: number}} ports media is UDP and TCP
   */
  constructor(options, ports) {
    this.options = options;
    this.ports = ports;
    this.data = mkdtempSync(join(tmpdir(), "shopcast-e2e-"));
  }

  async start() {
    const { lang = "en", clip = true, orders = false, allAddresses = false } = this.options;
    const { pages, media, metrics } = this.ports;
    const args = ["demo", "--json", "--lang", lang, "--data", this.data];
    args.push("--listen", `127.0.0.1:${pages}`, "--metrics", `127.0.0.1:${metrics}`);
    args.push("--udp", `${allAddresses ? "" : "127.0.0.1"}:${media}`);
    if (!clip) args.push("--no-clip");
    if (!orders) args.push("--no-orders");
    const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#errors = "";
    child.stderr.on("data", (chunk) => {
      this.#errors += chunk;
    });
    this.links = await this.#firstLine(child);
    return this.links;
  }

  /** @param {import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, import("node:stream").Readable>} child */
  async #firstLine(child) {
    const said = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error(`shopcast ended with ${code}: ${this.#errors}`)));
      child.once("error", reject);
      setTimeout(() => reject(new Error(`shopcast printed nothing: ${this.#errors}`)), startLimitMs).unref();
    });
    return JSON.parse(await said);
  }

  /** What the server has said on stderr since it was started. */
  get errors() {
    return this.#errors;
  }

  /**
   * One number of the media engine, by the last part of its name.
   * @param {string} name
   */
  async metric(name) {
    const text = await (await fetch(`http://127.0.0.1:${this.ports.metrics}/metrics`)).text();
    const value = new RegExp(`^shopcast_media_${name} (\\S+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`no metric ${name}`);
    return Number(value);
  }

  /** Ends the process at once, as a power cut does. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** Ends the process as Ctrl-C does, and returns its exit code. */
  stop() {
    return this.#end("SIGINT");
  }

  /** Ends the process and forgets the data. */
  async close() {
    const code = await this.stop();
    rmSync(this.data, { recursive: true, force: true });
    return code;
  }

  /** Walks the books of the stopped server: ledger, stock, orders. Throws when they are wrong. */
  verifyBooks() {
    return execFileSync(binary, ["verify", "--data", this.data], { encoding: "utf8", stdio: "pipe" });
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<number | null>} */
  #end(signal) {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null)
      return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => {
      child.once("exit", (code) => resolve(code));
      child.kill(signal);
    });
  }

  /** @param {string} slug */
  room(slug) {
    const found = this.links.rooms.find((r) => r.slug === slug);
    if (!found) throw new Error(`no room ${slug} among ${this.links.rooms.map((r) => r.slug)}`);
    return found;
  }

  /** HQ's own room. */
  get hqRoom() {
    const found = this.links.rooms.find((r) => r.distributor === "");
    if (!found) throw new Error("no room of HQ");
    return found;
  }

  /** @param {string} distributor name */
  desk(distributor) {
    const found = this.links.desks.find((d) => d.distributor === distributor);
    if (!found) throw new Error(`no desk of ${distributor}`);
    return found;
  }
}

/** A port that is free for TCP and for UDP, so that a server can come back to it. */
export async function freePort() {
  for (;;) {
    const port = await new Promise((resolve, reject) => {
      const probe = createServer().once("error", reject);
      probe.listen(0, "127.0.0.1", () => {
        const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
        probe.close(() => resolve(port));
      });
    });
    const free = await new Promise((resolve) => {
      const probe = createSocket("udp4").once("error", () => resolve(false));
      probe.bind(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
