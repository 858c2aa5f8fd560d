// Copies the libraries of the web console from node_modules into the console's files.
//
// The pages load modules without a build step, so that names of packages become relative paths.
// `node tests/tools/vendor_console.mjs --check` only compares. It fails if a copy differs.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PACKAGES = new URL("../node_modules/", import.meta.url);
const VENDOR = new URL("../../crates/console/assets/vendor/", import.meta.url);

/** The files, by the name of the copy. */
const FILES = {
  "preact.js": "preact/dist/preact.mjs",
  "preact-hooks.js": "preact/hooks/dist/hooks.mjs",
  "htm.js": "htm/dist/htm.mjs",
  "uplot.js": "uplot/dist/uPlot.esm.js",
  "uplot.css": "uplot/dist/uPlot.min.css",
};

/** The packages whose licences are copied. */
const LICENSED = ["preact", "htm", "uplot"];

function read(file) {
  return readFileSync(new URL(file, PACKAGES), "utf8");
}

/** Returns a module that a browser can load from the folder of the copies. */
function browserModule(text) {
  const local = text.replaceAll(/from\s*"preact"/g, 'from"./preact.js"');
  return local.replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n");
}

function licences() {
  const parts = LICENSED.map((name) => {
    const { version, license } = JSON.parse(read(`${name}/package.json`));
    return `${name} ${version} (${license})\n\n${read(`${name}/LICENSE`).trim()}\n`;
  });
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

function copies() {
  const files = Object.entries(FILES).map(([name, source]) => {
    const text = read(source);
    return [name, name.endsWith(".js") ? browserModule(text) : text];
  });
  return [...files, ["LICENSES.txt", licences()]];
}

const isCheck = process.argv.includes("--check");
for (const [name, text] of copies()) {
  const target = fileURLToPath(new URL(name, VENDOR));
  if (!isCheck) {
    writeFileSync(target, text);
  } else if (readFileSync(target, "utf8") !== text) {
    console.error(`${name} differs from its package: run node tests/tools/vendor_console.mjs`);
    process.exitCode = 1;
  }
}
