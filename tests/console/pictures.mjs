// Writes the pictures of docs/guides/console.md: `make console-screenshots`.
//
// The figures, refusals, usage and audit records are those of overview_data.mjs and of this file, so that the
// pictures are the same each time. The rest comes from a local gateway.

import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { launchBrowser } from "./browser.mjs";
import { eventually } from "./eventually.mjs";
import { PROJECT, startGateway } from "./gateway.mjs";
import { NOW, overviewOf, refusalPage, REFUSALS } from "./overview_data.mjs";
import { settled } from "./pages.mjs";
import { stub } from "./stub.mjs";

const FOLDER = join(PROJECT, "docs/images/console");
const MAX_TOTAL_BYTES = 700_000;
const QUALITY = 80;

const PLANS = {
  free: { throttle: { rate: 1, burst: 5 }, quotas: [{ limit: 1_000, period: "day" }] },
  pro: { throttle: { rate: 100, burst: 200 }, quotas: [{ limit: 1_000_000, period: "month" }] },
  trial: { throttle: { rate: 5, burst: 10 }, quotas: [{ limit: 500, period: "total" }], shadow: true },
};

const KEYS = [
  { key_id: "acme", name: "Acme Ltd", plan: "pro", calls: 449_565, refused: 211 },
  { key_id: "northwind", name: "Northwind Traders", plan: "pro", calls: 287_411, refused: 0 },
  { key_id: "contoso", name: "Contoso Retail", plan: "pro", group: "contoso", calls: 190_022, refused: 38 },
  { key_id: "contoso-batch", name: "Contoso nightly jobs", plan: "pro", group: "contoso", calls: 75_310, refused: 0 },
  { key_id: "fabrikam", name: "Fabrikam", plan: "free", calls: 21_940, refused: 4_402 },
  { key_id: "tailspin", name: "Tailspin Toys", plan: "free", calls: 9_812, refused: 120 },
  { key_id: "litware", name: "Litware (trial)", plan: "trial", calls: 431, refused: 12 },
  { key_id: "adatum", name: "A. Datum Corporation", plan: "free", calls: 0, refused: 0, enabled: false },
];

const SEEDS = {
  plans: PLANS,
  keys: KEYS.map(({ calls: _, refused: __, ...key }, index) => ({ ...key, key: `picture-key-number-${String(index).padStart(8, "0")}` })),
};

const POLICY = {
  rules: [
    { match: "GET /status", auth: "none", plan: "free", limit_by: "ip" },
    { match: "ANY /admin/{proxy+}", auth: "api_key", scopes: ["admin"] },
    { match: "GET /reports/{id}", auth: "any", cost: 5 },
    { match: "ANY /", auth: "any" },
    { match: "ANY /{proxy+}", auth: "any" },
  ],
};

const IN_FORCE = { source: { kind: "file", name: "policy.json" }, name: "policy.json", text: JSON.stringify(POLICY) };

/** The key that a picture shows, with its creation. */
const KEY = {
  key_id: "acme", name: "Acme Ltd", plan: "pro", enabled: true, scopes: [], metadata: { crm: "4711" }, hint: "x9Qd",
  created_at: "2026-03-02T08:12:44Z", updated_at: "2026-09-14T13:40:02Z", last_used_on: "2026-11-30",
};

const MONTH = { time_zone: "UTC", from: "2026-11-01", to: "2026-11-30" };

const USAGE = KEYS.map(({ key_id, name, group = null, plan, calls, refused }) => (
  { key_id, name, group, plan, ...MONTH, calls, units: calls, refused }
));

/** Returns the report of one key: more calls on workdays, and a quota of the month. */
function usageOfKey() {
  const days = Array.from({ length: 30 }, (_, index) => {
    const date = `2026-11-${String(index + 1).padStart(2, "0")}`;
    const isWorkday = ![0, 6].includes(new Date(date).getUTCDay());
    const calls = (isWorkday ? 17_000 : 6_200) + ((index * 7_919) % 2_400);
    return { date, used: calls, calls, refused: index === 23 ? 211 : 0, quotas: {} };
  });
  const used = days.reduce((total, { calls }) => total + calls, 0);
  const month = { name: "month", limit: 1_000_000, period: "month", usage: [used, 1_000_000 - used], ends_at: "2026-12-01T00:00:00Z" };
  return { key_id: "acme", name: "Acme Ltd", plan: "pro", from: MONTH.from, to: MONTH.to, time_zone: "UTC", days, quotas: [month] };
}

/** Returns a number from 0 to 1 that looks random and is the same each time. */
function noise(index, seed) {
  const value = Math.sin(index * 12.9898 + seed * 78.233) * 43_758.5453;
  return value - Math.floor(value);
}

/** Returns an overview in which one caller goes over its quota in the last minutes. */
function overview() {
  const figures = (index) => {
    const allowed = Math.round(60 + 18 * Math.sin(index / 28) + 10 * noise(index, 1));
    const throttled = index < 128 ? Math.round(noise(index, 2) * 1.2) : Math.round(14 + 9 * noise(index, 3));
    const unauthorized = noise(index, 4) > 0.93 ? 2 : 0;
    const forbidden = noise(index, 5) > 0.97 ? 1 : 0;
    const server_errors = index === 90 ? 3 : 0;
    return {
      requests: allowed + throttled + unauthorized + forbidden + server_errors,
      throttled, unauthorized, forbidden, server_errors,
      p50_ms: 3 + 0.6 * noise(index, 6), p95_ms: 11 + 3 * noise(index, 7), p99_ms: 34 + 22 * noise(index, 8),
    };
  };
  const decisions = [
    { plan: "pro", allowed: 9_806, throttled: 12, unavailable: 0, degraded: 0 },
    { plan: "free", allowed: 1_482, throttled: 1_043, unavailable: 0, degraded: 0 },
    { plan: "trial", allowed: 61, throttled: 0, unavailable: 0, degraded: 0 },
  ];
  return overviewOf(figures, { decisions });
}

const AUDIT = {
  items: [
    { at: "2026-11-30T09:32:40Z", action: "usage.grant", target: "fabrikam", quota: "day", amount: 500, grant_id: "042398471239847" },
    { at: "2026-11-30T08:15:00Z", action: "key.update", target: "adatum", changes: { "/enabled": { old: true, new: false } } },
    { at: "2026-11-27T15:04:11Z", action: "plan.put", target: "free", changes: { "/quotas/0/limit": { old: 500, new: 1_000 } } },
    { at: "2026-11-26T10:22:57Z", action: "key.rotate", target: "northwind", changes: { "/hash": "changed" } },
    { at: "2026-11-24T07:58:03Z", action: "key.create", target: "litware", changes: { "/plan": { new: "trial" } } },
  ].map((record, index) => ({ principal: "arn:aws:sts::123456789012:assumed-role/Operators/alice", request_id: `JKJaXmPLvHcESH${index}=`, ...record })),
  next_cursor: null,
};

/** The pictures by the name of their file. */
const PICTURES = {
  overview: { path: "overview", height: 860 },
  keys: { path: "keys", height: 640 },
  key: { path: "keys/acme", height: 1140 },
  plan: { path: "plans/free", height: 860 },
  policy: {
    path: "policy",
    height: 860,
    prepare: (page) => page.getByLabel("Requests").fill("GET /status\nPOST /admin/users\nGET /reports/2026-11\nGET /orders/7"),
  },
  usage: { path: "usage", height: 860 },
  audit: { path: "audit", height: 640 },
  refusals: { path: "overview/refusals", height: 640 },
};

/** Pictures in the dark scheme, and those of a phone. */
const DARK = ["overview"];
const PHONE = ["keys"];

async function stubData(page) {
  await stub(page, "GET console/api/overview", () => ({ json: overview() }));
  await stub(page, "GET console/api/refusals", () => ({ json: refusalPage(REFUSALS.map(withKey)) }));
  await stub(page, "GET v1/usage", () => ({ json: { items: USAGE, next_cursor: null } }));
  await stub(page, "GET v1/keys/*/usage", () => ({ json: usageOfKey() }));
  await stub(page, "GET v1/keys/acme", () => ({ json: KEY, headers: { etag: '"picture"' } }));
  await stub(page, "GET console/api/policy", () => ({ json: IN_FORCE }));
  await stub(page, "GET v1/audit", () => ({ json: AUDIT }));
}

/** Names a key of the pictures in a refusal. */
function withKey(refusal) {
  return refusal.key_id ? { ...refusal, key_id: "fabrikam", caller: "key#fabrikam" } : refusal;
}

async function takePicture(browser, gateway, { name, path, height, prepare, colorScheme = "light", width = 1280 }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme, locale: "en-GB", timezoneId: "Europe/Berlin", reducedMotion: "reduce",
  });
  const page = await context.newPage();
  try {
    await page.clock.setFixedTime(NOW);
    await stubData(page);
    await page.goto(`${gateway.consoleUrl}/#/${path}`);
    await page.locator("main h1").first().waitFor();
    await settled(page);
    await prepare?.(page);
    await eventually(() => page.getByText(/Checking …|Testing …/).count(), (count) => count === 0);
    await page.evaluate(() => document.activeElement?.blur());
    await writePicture(page, join(FOLDER, `${name}.webp`));
  } finally {
    await context.close();
  }
}

/** Writes a picture as WebP, which Playwright cannot do itself. It takes half of the bytes of a PNG. */
async function writePicture(page, path) {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
  writeFileSync(path, Buffer.from(data, "base64"));
}

function totalBytes() {
  return readdirSync(FOLDER).reduce((total, file) => total + statSync(join(FOLDER, file)).size, 0);
}

mkdirSync(FOLDER, { recursive: true });
const [gateway, browser] = await Promise.all([startGateway({ seeds: SEEDS, policy: POLICY }), launchBrowser()]);
try {
  for (const [name, picture] of Object.entries(PICTURES)) await takePicture(browser, gateway, { name, ...picture });
  for (const name of DARK) {
    await takePicture(browser, gateway, { ...PICTURES[name], name: `${name}-dark`, colorScheme: "dark" });
  }
  for (const name of PHONE) await takePicture(browser, gateway, { ...PICTURES[name], name: `${name}-phone`, width: 375, height: 720 });
} finally {
  await browser.close();
  await gateway.stop();
}

const bytes = totalBytes();
console.log(`${Math.round(bytes / 1_000)} kB in docs/images/console`);
if (bytes > MAX_TOTAL_BYTES) {
  console.error(`The pictures have more than ${MAX_TOTAL_BYTES / 1_000} kB together.`);
  process.exitCode = 1;
}
