// Reasons of refusals in words, with the next step.

import { DETAILS } from "./reasons/details.js";
import { REASONS } from "./reasons/reasons.js";

/** Returns all reasons of refusals, in the order of the reference. */
export function reasonNames() {
  return Object.keys(REASONS);
}

/**
 * Explains a reason.
 *
 * @param {string} reason
 * @returns {{title: string, text: string, next: string, pages: string[]}} a short title, a sentence on the
 *   cause, the next step, and the kinds of objects to look at: `key`, `grant`, `plan`, `policy`
 */
export function explainReason(reason) {
  if (Object.hasOwn(REASONS, reason)) return REASONS[reason];
  return {
    title: reason,
    text: "This version of the console does not know the reason.",
    next: "Look it up in docs/reference/reasons.md of the version that runs.",
    pages: [],
  };
}

/** Returns the cause that the field `detail` names, or undefined if there is no text for it. */
export function explainDetail(reason, detail) {
  if (!detail || !Object.hasOwn(DETAILS, reason)) return undefined;
  const texts = DETAILS[reason];
  if (Object.hasOwn(texts, detail)) return texts[detail];
  const prefix = `${detail.split(":")[0]}:`;
  return detail.includes(":") && Object.hasOwn(texts, prefix) ? texts[prefix] : undefined;
}
