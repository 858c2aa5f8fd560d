// A key as text, to compare two versions.

import { newKeyOf, formOf } from "../../app/key_form.js";

/** Returns the fields of a key that can be edited, with those of a form in their place, as JSON. */
export function documentText(key, form = formOf(key)) {
  const { prefix: _prefix, ...fields } = newKeyOf(form);
  return JSON.stringify({ enabled: key.enabled, ...fields }, null, 2);
}
