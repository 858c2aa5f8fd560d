// The problem of a form that was not accepted.

import { html, useEffect, useRef } from "../app/html.js";
import { Notice } from "./notice.js";
import { ProblemNotice } from "./problem.js";

/**
 * Returns a reference for a form. After each change of `attempt`, the first field that is marked as invalid has the
 * focus.
 */
export function useFocusOnMistake(attempt) {
  const form = useRef(null);
  useEffect(() => {
    if (attempt) form.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [attempt]);
  return form;
}

/**
 * Shows why a form was not accepted. If each mistake is shown at its field, it only says so.
 *
 * @param {{title: string, error: Error, mistakes: {fields: object, others: object[]}}} properties `mistakes` is the
 *   result of `responseMistakes`
 */
export function FormProblem({ title, error, mistakes: { fields, others } }) {
  if (others.length === 0 && Object.keys(fields).length > 0) {
    return html`<${Notice} kind="problem" title=${title}>Correct the marked fields.<//>`;
  }
  const shown = Object.assign(Object.create(Object.getPrototypeOf(error)), error, {
    message: error.message,
    errors: others,
  });
  return html`<${ProblemNotice} error=${shown} />`;
}
