// Warm calls of an authorizer that verifies tokens, from the text of the event to the text of the response.
// `node calls.mjs LIBRARY EVENTS.jsonl JWKS.json` prints microseconds per call, one number for each hundred calls.

import { readFileSync } from "node:fs";

import { verifierOf } from "./verify.mjs";

const BATCH_SIZE = 100;
const [library, events, keys] = process.argv.slice(2);
const lines = readFileSync(events, "utf8").split("\n");
const settings = { issuer: "https://issuer.example", audience: "https://api.example" };
const verify = await verifierOf(library, { ...settings, jwks: JSON.parse(readFileSync(keys, "utf8")) });

async function authorize(text) {
  const event = JSON.parse(text);
  const claims = await verify(event.headers.authorization.replace(/^Bearer /, ""));
  return JSON.stringify({ isAuthorized: true, context: { user_id: claims.sub, plan: claims.plan } });
}

const batches = [];
for (let start = 0; start + BATCH_SIZE <= lines.length; start += BATCH_SIZE) {
  const begin = process.hrtime.bigint();
  for (const line of lines.slice(start, start + BATCH_SIZE)) await authorize(line);
  batches.push(Number(process.hrtime.bigint() - begin) / 1000 / BATCH_SIZE);
}
// The first calls include the compilation of the code.
console.log(JSON.stringify(batches.slice(2)));
