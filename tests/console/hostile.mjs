// Objects and responses whose texts are those of the corpus, and the signs that a text became code or markup.

import { TEXTS } from "./corpus.mjs";

/** Fields of a key that hold a text of the operator, as far as the API accepts it. */
function keyOf(text) {
  const metadata = { value: text, [text]: "name" };
  return { plan: "pro", name: text, description: text, subject: text, scopes: [text], group: text, metadata };
}

/** Sends a document without the fields that the API refuses, and returns the response. */
async function sendAccepted(document, send) {
  const rest = structuredClone(document);
  for (;;) {
    try {
      return await send(rest);
    } catch (error) {
      const refused = [...error.message.matchAll(/"pointer":"\/(\w+)/g)].map((match) => match[1]);
      const present = refused.filter((field) => field in rest);
      if (present.length === 0) throw error;
      for (const field of present) delete rest[field];
    }
  }
}

/** Creates keys, plans, a policy and blocks with every text. Returns the ids of the keys by their text. */
export async function createHostileObjects(gateway) {
  const ids = new Map();
  for (const text of TEXTS) {
    const { key_id } = await sendAccepted(keyOf(text), (key) => gateway.key(key));
    ids.set(text, key_id);
  }

  const named = TEXTS.filter((text) => /^[\x20-\x7e]{1,64}$/.test(text));
  for (const [index, text] of named.entries()) {
    const plan = { throttle: { rate: 5, burst: 5 }, quotas: [{ name: text, limit: 3, period: "day" }] };
    await ifAccepted(gateway.plan(`quota-${index}`, plan));
    await ifAccepted(gateway.plan(text, { throttle: { rate: 5, burst: 5 } }));
  }

  const issuers = [{ issuer: "https://auth.example.com", audiences: TEXTS, default_plan: "pro" }];
  await ifAccepted(gateway.admin("PUT", "/policies/hostile", { issuers, rules: [{ match: "ANY /{proxy+}", auth: "any" }] }));
  for (const [index, text] of TEXTS.entries()) {
    await ifAccepted(gateway.admin("PUT", `/blocks/key/blocked-${index}`, { note: text }));
  }
  return ids;
}

/** Ignores the refusal of an invalid document. */
async function ifAccepted(sent) {
  try {
    await sent;
  } catch (error) {
    if (!/: 4\d\d /.test(error.message)) throw error;
  }
}

/** Fields of responses that contain text of callers, of operators or of other systems. */
const FREE_FIELDS = new Set([
  "name", "description", "detail", "title", "label", "identity", "region", "version", "note", "principal", "request_id",
  "caller", "path", "route", "source_ip", "service", "what", "reason", "message", "target", "text", "subject", "group",
  "summary", "read_only_reason", "managed_by", "hint", "cause", "fix", "documentation", "host", "issuer",
]);

/** Returns a JSON value with `text` in every field of the set, and as an additional name of each object of strings. */
export function poisoned(value, text) {
  if (Array.isArray(value)) return value.map((one) => poisoned(one, text));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, one]) => {
    const isFree = FREE_FIELDS.has(name) && typeof one === "string";
    return [name, isFree ? text : poisoned(one, text)];
  });
  return Object.fromEntries(entries);
}

/** Returns what a page did with the texts that it must not: code, markup, addresses of other places. */
export function signsOfInjection(page) {
  return page.evaluate(() => {
    const signs = [];
    if (window.executed !== undefined) signs.push("code was executed");
    if ({}.polluted !== undefined) signs.push("the prototype of objects has changed");
    const marked = document.querySelectorAll("[data-injected]");
    for (const element of marked) signs.push(`an element of data: ${element.outerHTML.slice(0, 80)}`);

    const forbidden = "script, iframe, object, embed, base, meta, style, math, marquee, template, foreignObject, animate";
    for (const element of document.body.querySelectorAll(forbidden)) signs.push(`element ${element.tagName} in the body`);
    for (const element of document.querySelectorAll("*")) {
      const handlers = element.getAttributeNames().filter((name) => name.startsWith("on"));
      if (handlers.length > 0) signs.push(`${element.tagName} has ${handlers}`);
    }
    for (const link of document.querySelectorAll("a[href], form[action], area[href]")) {
      const url = new URL(link.href || link.action, document.baseURI);
      const isInside = url.origin === location.origin && url.pathname === location.pathname;
      if (!isInside && url.protocol !== "blob:") signs.push(`a link to ${url.href.slice(0, 120)}`);
    }
    return signs;
  });
}
