// Bundles every src/**/*.test.ts (Node 20 does not strip types) and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

const outdir = "node_modules/.cache/shopcast-test";
const found = readdirSync("src", { recursive: true });
const tests = found.filter((f) => f.endsWith(".test.ts")).map((f) => `src/${f}`);

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: tests,
  outdir,
  bundle: true,
  platform: "node",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});
const files = readdirSync(outdir, { recursive: true }).filter((f) => f.endsWith(".mjs"));
const run = spawnSync(process.execPath, ["--test", ...files.map((f) => `${outdir}/${f}`)], {
  stdio: "inherit",
});
process.exit(run.status ?? 1);
