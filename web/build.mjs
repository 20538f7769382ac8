// Bundles the pages into dist/ under content-hashed names, writes .br and .gz beside
// every file (the server has no compressor of its own) and manifest.json for Go.
//   node build.mjs         all entries must exist
//   node build.mjs --dev   missing entries are skipped, nothing is minified
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const dev = process.argv.includes("--dev");
const dist = "dist";
const faces = ["room", "studio", "desk", "account", "pay"];
const budgetBytes = { room: 32 << 10, studio: 90 << 10, desk: 60 << 10 };

// locale:<face>/<language> is that language's dictionary without the words of other faces; sharedBy names the
// prefixes that belong to some faces only.
const sharedBy = { work: ["studio", "desk"], shell: [] }; // shell: the words of Go's own pages
const spokenOn = (prefix, face) =>
  sharedBy[prefix]?.includes(face) ?? (prefix === face || !faces.includes(prefix));
const words = {
  name: "words",
  setup(b) {
    b.onResolve({ filter: /^locale:/ }, (a) => ({ path: a.path.slice(7), namespace: "locale" }));
    b.onLoad({ filter: /.*/, namespace: "locale" }, (a) => {
      const [face, lang] = a.path.split("/");
      const all = Object.entries(JSON.parse(readFileSync(`locale/${lang}.json`, "utf8")));
      const kept = all.filter(([key]) => spokenOn(key.split(".")[0], face));
      return { contents: JSON.stringify(Object.fromEntries(kept)), loader: "json" };
    });
  },
};

const entry = (face) => `src/${face}/main.tsx`;
const missing = faces.filter((face) => !existsSync(entry(face)));
if (missing.length > 0) {
  console[dev ? "log" : "error"](`no ${missing.map(entry).join(", ")} yet`);
  if (!dev) process.exit(1);
}
const present = faces.filter((face) => !missing.includes(face));

const { metafile } = await build({
  entryPoints: Object.fromEntries(present.map((face) => [face, entry(face)])),
  outdir: dist,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome107", "firefox104", "safari15.6"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !dev,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  metafile: true,
  write: true,
  legalComments: "none",
  logLevel: "warning",
  plugins: [words],
});

const outputs = Object.entries(metafile.outputs).map(([path, o]) => ({ ...o, file: basename(path) }));
const byFile = new Map(outputs.map((o) => [o.file, o]));

// preloadOf lists the chunks a script needs before it can run, itself excluded.
function preloadOf(out, seen = new Set()) {
  for (const i of out.imports.filter((i) => i.kind === "import-statement")) {
    const file = basename(i.path);
    if (!seen.has(file)) preloadOf(byFile.get(file), seen.add(file));
  }
  return [...seen];
}

const manifest = {};
for (const face of present) {
  const js = outputs.find((o) => o.entryPoint === entry(face));
  const find = (lang) => outputs.find((o) => o.entryPoint === `locale:${face}/${lang}`)?.file;
  const dictionaries = Object.fromEntries(["en", "zh-CN"].map((lang) => [lang, find(lang)]));
  manifest[face] = {
    js: js.file,
    css: basename(js.cssBundle ?? ""),
    preload: preloadOf(js),
    words: dictionaries,
  };
}

// Old files go only now, so that a failed build leaves the last good one in place.
mkdirSync(dist, { recursive: true });
for (const file of readdirSync(dist)) {
  if (file !== ".gitkeep" && !byFile.has(file)) rmSync(join(dist, file), { recursive: true });
}
const sizes = new Map();
for (const { file } of outputs) {
  const bytes = readFileSync(join(dist, file));
  const gz = gzipSync(bytes, { level: 9 });
  sizes.set(file, gz.length);
  writeFileSync(join(dist, `${file}.gz`), gz);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: dev ? 4 : 11 } };
  writeFileSync(join(dist, `${file}.br`), brotliCompressSync(bytes, quality));
}
writeFileSync(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

for (const [face, m] of Object.entries(manifest)) {
  const js = [m.js, ...m.preload].reduce((sum, file) => sum + sizes.get(file), 0);
  const kb = (n) => (n / 1024).toFixed(1).padStart(5);
  const rest = `css ${kb(sizes.get(m.css) ?? 0)}  words ${kb(sizes.get(m.words["zh-CN"]) ?? 0)} KB`;
  console.log(`${face.padEnd(8)} js ${kb(js)}  ${rest} (gzip)`);
  if (!dev && js > (budgetBytes[face] ?? Infinity)) {
    console.error(`${face}: script over its budget of ${budgetBytes[face] >> 10} KB`);
    process.exitCode = 1;
  }
}
