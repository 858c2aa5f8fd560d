// Decisions of rate-limiter-flexible on DynamoDB: `node limiter.mjs load URL WORKERS SECONDS LIMIT`, `… hang URL`.

import { once } from "node:events";
import { randomUUID } from "node:crypto";

import { DynamoDB } from "@aws-sdk/client-dynamodb";
import { RateLimiterDynamo } from "rate-limiter-flexible";

const UNLIMITED = 1_000_000_000;
const [mode, url, workers, seconds, limit] = process.argv.slice(2);
let requests = 0;

function clientOf() {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new DynamoDB({ endpoint: url, region: "us-east-1", credentials });
  const count = (next) => (args) => (requests++, next(args));
  client.middlewareStack.add(count, { step: "finalizeRequest", priority: "low" });
  return client;
}

// The first limiter creates the table. Each limiter sets its time to live.
function limiterOf(tableCreated) {
  return new Promise((resolve, reject) => {
    const options = { storeClient: clientOf(), points: Number(limit) || UNLIMITED, duration: 86_400, tableCreated };
    const limiter = new RateLimiterDynamo(options, (error) => (error ? reject(error) : resolve(limiter)));
  });
}

async function load() {
  const limiters = [await limiterOf(false)];
  while (limiters.length < Number(workers)) limiters.push(await limiterOf(true));
  const caller = randomUUID();
  const counts = { allowed: 0, denied: 0, unanswered: 0 };
  const work = async (limiter) => {
    while (performance.now() < end) {
      await limiter.consume(caller).then(
        () => counts.allowed++,
        (refusal) => (refusal instanceof Error ? counts.unanswered++ : counts.denied++),
      );
    }
  };
  requests = 0;
  const begin = performance.now();
  const end = begin + Number(seconds) * 1000;
  await Promise.all(limiters.map(work));
  const { allowed, denied, unanswered } = counts;
  const durationS = (performance.now() - begin) / 1000;
  return { decisions: allowed + denied, allowed, unanswered, requests, seconds: durationS };
}

async function hang() {
  const limiter = await limiterOf(false);
  await limiter.consume("caller");
  console.log("ready");
  await once(process.stdin, "data");
  const begin = performance.now();
  const how = await limiter.consume("caller").then(() => "as decided", () => "an error");
  return { seconds: (performance.now() - begin) / 1000, how };
}

console.log(JSON.stringify(await (mode === "hang" ? hang() : load())));
process.exit();
