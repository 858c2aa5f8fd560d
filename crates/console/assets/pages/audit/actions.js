// The actions of audit records, in words.

import { href } from "../../app/router.js";

const KEY_ACTIONS = {
  create: "Created",
  update: "Changed",
  delete: "Deleted",
  rotate: "Rotated",
  import: "Imported or changed together",
};

/** The actions by the kind of object, in the order of the filter. */
export const ACTION_GROUPS = [
  { kind: "key", title: "Keys", actions: KEY_ACTIONS },
  { kind: "plan", title: "Plans", actions: { put: "Saved", delete: "Deleted" } },
  { kind: "policy", title: "Policies", actions: { put: "Saved", delete: "Deleted" } },
  { kind: "candidate", title: "Candidates", actions: { put: "Saved", delete: "Deleted", promote: "Promoted" } },
  { kind: "block", title: "Blocks", actions: { put: "Saved", delete: "Removed" } },
  { kind: "usage", title: "Grants and refunds", actions: { grant: "Granted", revoke: "Revoked", refund: "Refunded" } },
];

const OBJECT = { key: "key", plan: "plan", policy: "policy", candidate: "candidate of policy", block: "block" };
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
  // Grants to callers without a key name them as in logs, such as `group#acme`.
  const isKey = kind === "key" || (kind === "usage" && !target.includes("#"));
  return isKey ? keyAddress(target) : undefined;
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
