// The dashboard with Express and axios: `node express.mjs PORT URL`.

import http from "node:http";

import axios from "axios";
import express from "express";

import { dashboard, MAX_BODY_BYTES, PART_TIMEOUT_MS, PartError, responseHeaders } from "./dashboard.mjs";

const [port, url] = process.argv.slice(2);
const services = axios.create({
  baseURL: url,
  timeout: PART_TIMEOUT_MS,
  maxRedirects: 0,
  maxContentLength: MAX_BODY_BYTES,
  proxy: false,
  responseType: "json",
  transitional: { silentJSONParsing: false },
  httpAgent: new http.Agent({ keepAlive: true, maxFreeSockets: 256 }),
});

async function get(path, headers) {
  try {
    const { data } = await services.get(path, { headers });
    return data;
  } catch (error) {
    throw failure(error);
  }
}

function failure(error) {
  if (!axios.isAxiosError(error)) return error;
  if (error.cause instanceof SyntaxError) return new PartError("invalid_response");
  if (error.response) return new PartError("status", error.response.status);
  const isTimeout = error.code === "ECONNABORTED" || error.code === "ETIMEDOUT";
  return new PartError(isTimeout ? "timeout" : "unreachable");
}

const app = express();
app.disable("x-powered-by");
app.get("/bff/dashboard", async (request, response) => {
  const { status, body } = await dashboard(request.headers, get);
  response.status(status).set(responseHeaders(status)).json(body);
});
app.listen(Number(port), "127.0.0.1");
