// The dashboard with Fastify and undici, which are faster than Express and axios: `node fastify.mjs PORT URL`.

import { createHash } from "node:crypto";

import fastify from "fastify";
import { Pool } from "undici";

import { dashboard, MAX_BODY_BYTES, PART_TIMEOUT_MS, PartError, responseHeaders } from "./dashboard.mjs";

const [port, url] = process.argv.slice(2);
const services = new Pool(url, { maxResponseSize: MAX_BODY_BYTES });

async function get(path, headers) {
  const signal = AbortSignal.timeout(PART_TIMEOUT_MS);
  try {
    const { statusCode, body } = await services.request({ method: "GET", path, headers, signal });
    if (statusCode < 200 || statusCode > 299) {
      await body.dump();
      throw new PartError("status", statusCode);
    }
    return await body.json();
  } catch (error) {
    throw failure(error);
  }
}

function failure(error) {
  if (error instanceof PartError) return error;
  if (error instanceof SyntaxError) return new PartError("invalid_response");
  return new PartError(error.name === "TimeoutError" ? "timeout" : "unreachable");
}

const app = fastify();
app.get("/bff/dashboard", async (request, reply) => {
  const { status, body } = await dashboard(request.headers, get);
  const text = JSON.stringify(body);
  reply.code(status).headers(responseHeaders(status)).type("application/json; charset=utf-8");
  if (status !== 200) return text;

  const tag = `"${createHash("sha256").update(text).digest("base64url")}"`;
  reply.header("etag", tag);
  return request.headers["if-none-match"] === tag ? reply.code(304).send() : text;
});
await app.listen({ port: Number(port), host: "127.0.0.1" });
