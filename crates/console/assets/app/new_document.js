// The form of a new plan or policy: its name, its text, and how it is created.

import { segments } from "./api.js";
import { keepCreated } from "./created.js";
import { useDocument } from "./document.js";
import { focusFirstMistake } from "./first_mistake.js";
import { useRef, useState } from "./html.js";
import { navigate } from "./router.js";
import { useUnsavedChanges } from "./unsaved.js";

/** The segment of the address of a new document. No plan and no policy has this name. */
export const NEW = "+new";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const INVALID_NAME = "The name needs 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit.";
const MISSING_NAME = "Enter a name.";

/**
 * Keeps a document that is not stored yet. Once it is created, its own page opens.
 *
 * @param {{list: string, page: string, initialText: string, useTextCheck: (text: string) => {state: string},
 *   isTextChanged: (document: object) => boolean, warning: string}} options `list` is the list of the admin API, and
 *   `page` the segment of the document's page. `warning` is shown before the text is lost.
 * @returns {object} `form` is the reference of the form with the name
 */
export function useNewDocument({ list, page, initialText, useTextCheck, isTextChanged, warning }) {
  const [name, setName] = useState("");
  const [isSubmitted, setIsSubmitted] = useState(false);
  const form = useRef(null);
  const trimmed = name.trim();
  const document = useDocument(segments(list, trimmed), undefined, {
    initialText,
    isNamed: true,
    onSaved: () => {
      release();
      keepCreated(segments(list, trimmed));
      navigate([page, trimmed], {}, { replace: true });
    },
  });
  const check = useTextCheck(document.text);
  const release = useUnsavedChanges(isTextChanged(document) || trimmed !== "", warning);

  const isInvalid = check.state === "invalid";
  const isNamed = NAME.test(trimmed);
  const nameError = !isNamed && (isSubmitted || trimmed !== "") ? nameMistake(trimmed) : undefined;
  const submit = (event) => {
    event?.preventDefault();
    setIsSubmitted(true);
    if (!isNamed) focusFirstMistake(form.current);
    else if (!isInvalid) document.save.run();
  };
  return { name, setName, nameError, form, document, check, isInvalid, submit };
}

function nameMistake(name) {
  return name === "" ? MISSING_NAME : INVALID_NAME;
}
