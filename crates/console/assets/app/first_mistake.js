// The focus after a form was submitted with mistakes.

const INVALID = "[aria-invalid='true']";

/**
 * Moves the focus to the first invalid field of a form, or of an element around it, once it is rendered. Closed
 * parts around the field are opened.
 *
 *     const submit = (event) => {
 *       event.preventDefault();
 *       setIsSubmitted(true);
 *       if (hasMistakes) return focusFirstMistake(event.currentTarget);
 *       …
 *     };
 */
export function focusFirstMistake(element) {
  // The state of the form changes first, then the page.
  requestAnimationFrame(() => setTimeout(() => {
    const field = element.querySelector(INVALID);
    if (!field) return;
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    field.focus({ preventScroll: true });
    field.scrollIntoView({ block: "center" });
  }));
}
