// Warm calls of an authorizer that checks tokens: from an event's text to its answer's, one after another.
// `node calls.mjs LIBRARY EVENTS.jsonl JWKS.json` prints microseconds a call, a number for each hundred calls.

import { readFileSync } from "node:fs";

import { verifierOf } from "./verify.mjs";

const BATCH = 100;
const [library, events, keys] = process.argv.slice(2);
const lines = readFileSync(events, "utf8").split("\n");
const settings = { issuer: "https://issuer.example", audience: "https://api.example" };
const verify = await verifierOf(library, { ...settings, jwks: JSON.parse(readFileSync(keys, "utf8")) });

async function answer(text) {
  const event = JSON.parse(text);
  const claims = await verify(event.headers.authorization.replace(/^Bearer /, ""));
  return JSON.stringify({ isAuthorized: true, context: { user_id: claims.sub, plan: claims.plan } });
}

const batches = [];
for (let place = 0; place + BATCH <= lines.length; place += BATCH) {
  const began = process.hrtime.bigint();
  for (const line of lines.slice(place, place + BATCH)) await answer(line);
  batches.push(Number(process.hrtime.bigint() - began) / 1000 / BATCH);
}
// The first calls compile the code.
console.log(JSON.stringify(batches.slice(2)));
