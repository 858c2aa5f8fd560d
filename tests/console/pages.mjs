// The pages of the console, with data that fills them.

import { eventually } from "./harness.mjs";

/** A plan with a quota that is used up after three calls. */
export const TINY_PLAN = { throttle: { rate: 50, burst: 50 }, quotas: [{ limit: 3, period: "day" }] };

/** Plans and keys for tests that need some of each state. */
export const SEEDS = {
  plans: {
    free: { throttle: { rate: 1, burst: 5 }, quotas: [{ limit: 100, period: "day" }] },
    pro: { throttle: { rate: 100, burst: 200 }, quotas: [{ limit: 1_000_000, period: "month" }] },
    tiny: TINY_PLAN,
    retired: { enabled: false, throttle: { rate: 10, burst: 10 } },
  },
  keys: [
    { key: "seeded-acme-key-00000000001", key_id: "acme", plan: "pro", name: "Acme Ltd", subject: "acme", metadata: { crm: "4711" } },
    { key: "seeded-tiny-key-00000000001", key_id: "tiny-shop", plan: "tiny", name: "Tiny Shop" },
    { key: "seeded-free-key-00000000001", key_id: "hobby", plan: "free", name: "Hobby project" },
    { key: "seeded-off-key-000000000001", key_id: "disabled-key", plan: "free", name: "Former customer", enabled: false },
    { key: "seeded-old-key-000000000001", key_id: "expired-key", plan: "free", name: "Trial", expires_at: "2026-01-31T12:00:00Z" },
    { key: "seeded-retired-key-00000001", key_id: "old-plan", plan: "retired", name: "On a retired plan" },
  ],
};

/** The secrets of the seeded keys by their id. */
export const SECRETS = Object.fromEntries(SEEDS.keys.map(({ key_id, key }) => [key_id, key]));

/** Every page with the heading that it has. */
export const PAGES = [
  { path: "overview", title: /^Overview$/ },
  { path: "keys", title: /^Keys$/ },
  { path: "keys/acme", title: /acme/i },
  { path: "plans", title: /^Plans$/ },
  { path: "plans/tiny", title: /tiny/i },
  { path: "policy", title: /^Policy$/ },
  { path: "usage", title: /^Usage$/ },
  { path: "audit", title: /^Audit/ },
  { path: "checks", title: /^Checks$/ },
  { path: "api", title: /^API reference$/ },
];

/** Makes calls of every outcome and leaves audit records. */
export async function fill(gateway) {
  await gateway.calls(8, "/orders", { key: SECRETS.acme });
  await gateway.calls(5, "/orders", { key: SECRETS["tiny-shop"] });
  await gateway.calls(8, "/orders", { key: SECRETS.hobby });
  await gateway.call("/orders", { key: SECRETS["old-plan"] });
  await gateway.call("/orders", { key: "unknown-key-000000000000001" });
  await gateway.call("/orders");
  await gateway.admin("PATCH", "/keys/acme", { description: "Pays by invoice" });
}

/** Waits until nothing on the page loads any more. */
export async function settled(page) {
  await eventually(() => page.locator("[aria-busy=true], .loading, .skeleton").count(), (count) => count === 0);
}

/** Returns the problems of the page's layout at its width. */
export function layoutProblems(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth ? [`the page is ${scrollWidth} px wide in ${clientWidth} px`] : [];
  });
}
