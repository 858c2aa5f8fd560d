// The groups and statuses of checks, in words.

/** The name and the subject of each group. */
const GROUPS = {
  parameters: ["Parameters", "the parameters, before a deployment"],
  account: ["Account", "the resources that the parameters name, before a deployment"],
  network: ["Network", "the load balancer, its security groups and the VPC link"],
  api: ["API", "routes, authorizer, integrations and domain"],
  functions: ["Functions", "functions, settings and tables"],
  monitoring: ["Monitoring", "schedules, queues, logs and alarms"],
  configuration: ["Configuration", "plans, keys and the policy"],
  requests: ["Requests", "responses to real requests"],
};

/** The statuses, the most urgent first: the symbol and word, and the kind of the badge. */
export const STATUSES = {
  failed: { symbol: "×", word: "Failed", plural: "failed", kind: "problem" },
  error: { symbol: "×", word: "Error", plural: "with an error", kind: "problem" },
  warning: { symbol: "!", word: "Warning", plural: "with a warning", kind: "warning" },
  not_checked: { symbol: "!", word: "Not checked", plural: "not checked", kind: "warning" },
  not_proven: { symbol: "!", word: "Not proven", plural: "not proven", kind: "warning" },
  ok: { symbol: "✓", word: "OK", plural: "OK", kind: "ok" },
  not_applicable: { symbol: "–", word: "Not applicable", plural: "not applicable", kind: "" },
};

/** Returns the name of a group. */
export function groupTitle(group) {
  return GROUPS[group]?.[0] ?? group;
}

/** Returns what a group is about. */
export function groupSubject(group) {
  return GROUPS[group]?.[1] ?? "";
}

/** Returns the status of an outcome. A status of a newer version appears as it is. */
export function statusOf({ status }) {
  return STATUSES[status] ?? { symbol: "?", word: status, plural: status, kind: "" };
}

/** True if an outcome is a reason to act. */
export function needsAttention({ status }) {
  return status !== "ok" && status !== "not_applicable";
}

/** Returns items by their group, as `[group, items]`, in the order of the items. */
export function byGroup(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  return [...groups];
}
