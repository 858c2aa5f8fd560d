// The actions of audit records, in words.

import { href } from "../../app/router.js";

const KEY_ACTIONS = {
  create: "Created",
  update: "Changed",
  delete: "Deleted",
  rotate: "Rotated",
  import: "Imported or changed together",
};

const CANDIDATE_ACTIONS = { put: "Created or changed", delete: "Deleted", promote: "Promoted" };

/** The actions by the kind of object, in the order of the filter. */
export const ACTION_GROUPS = [
  { kind: "key", title: "Keys", actions: KEY_ACTIONS },
  { kind: "plan", title: "Plans", actions: { put: "Created or changed", delete: "Deleted" } },
  { kind: "policy", title: "Policies", actions: { put: "Created or changed", delete: "Deleted" } },
  { kind: "composition", title: "Compositions", actions: { put: "Created or changed", delete: "Deleted" } },
  { kind: "candidate", title: "Candidates", actions: CANDIDATE_ACTIONS },
  { kind: "block", title: "Blocks", actions: { put: "Created or changed", delete: "Removed" } },
  { kind: "usage", title: "Grants and refunds", actions: { grant: "Granted", revoke: "Revoked", refund: "Refunded" } },
];

const OBJECT = {
  key: "key",
  plan: "plan",
  policy: "policy",
  composition: "composition",
  candidate: "candidate of policy",
  block: "block",
};
const USAGE = { grant: "Granted calls to", revoke: "Revoked a grant of", refund: "Refunded calls to" };

/** Returns an action as the beginning of a sentence that ends with the target, such as `Changed key`. */
export function actionText(record) {
  const [kind, verb] = record.action.split(".");
  if (kind === "usage" && USAGE[verb]) return USAGE[verb];
  if (record.keys) return verb === "import" && record.target.startsWith("keys in lines") ? "Imported" : "Changed";
  const word = ACTION_GROUPS.find((group) => group.kind === kind)?.actions[verb];
  return word && OBJECT[kind] ? `${word} ${OBJECT[kind]}` : record.action;
}

/** Returns the address of the page of a record's target, or undefined if it has none. */
export function targetAddress({ action, target, keys }) {
  const [kind, verb] = action.split(".");
  if (verb === "delete" || keys) return undefined;
  if (kind === "plan") return href(["plans", target]);
  if (kind === "policy" || kind === "candidate") return href(["policy", target]);
  return isOfKey({ action, target }) ? keyAddress(target) : undefined;
}

/** True if the target of a record is the id of a key. */
export function isOfKey({ action, target }) {
  // Grants to callers without a key name them as in logs, such as `group#acme`.
  return action.startsWith("key.") || (action.startsWith("usage.") && !target.includes("#"));
}

/** Returns the address of the page of a key. */
export function keyAddress(id) {
  return href(["keys", id]);
}

/** Returns the role with its session, or the user, of a principal. */
export function shortPrincipal(principal) {
  const [, ...rest] = principal.startsWith("arn:") ? principal.split("/") : [];
  return rest.length > 0 ? rest.join("/") : principal;
}
