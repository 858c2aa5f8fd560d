// An editor for JSON: line numbers, and marks where the API found mistakes.

import { html, useEffect, useId, useRef, useState } from "../app/html.js";
import { formatJson, lineAt, offsetAt, offsetOf, parseJson } from "../app/json_text.js";
import { CheckStatus, FormatButton, Mistakes } from "./editor/mistakes.js";
import { TextArea } from "./editor/text_area.js";
import { replaceAll } from "./editor/typing.js";

export { checkText, useCheck } from "./editor/check.js";

const UNCHECKED = { state: undefined, errors: [], warnings: [] };

/** The number of mistakes, and of warnings, that are marked and listed. */
const MAX_LISTED = 50;

/** Returns mistakes or warnings with their lines: those without one have the line of their pointer. */
function placed(items, text) {
  return items.slice(0, MAX_LISTED).map((item) => {
    if (item.line || !item.pointer) return item;
    return { ...item, line: lineAt(text, offsetOf(text, item.pointer)) };
  });
}

/** Moves the cursor to a place and shows it. */
function goTo(area, offset, end = offset) {
  const line = lineAt(area.value, offset);
  area.focus();
  area.setSelectionRange(offset, end);
  const lineHeight = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 1) * lineHeight - area.clientHeight / 3);
  area.closest(".editor").scrollIntoView({ block: "nearest" });
}

/** Returns what pages can do with an editor. */
function handleOf(area) {
  const lineEnd = (offset) => {
    const end = area.current.value.indexOf("\n", offset);
    return end === -1 ? area.current.value.length : end;
  };
  return {
    /** Moves the cursor to a line and a column, both from 1. */
    goTo: (line, column) => goTo(area.current, offsetAt(area.current.value, line, column)),
    /** Selects the line of a value, by its JSON pointer. */
    select: (pointer) => {
      const offset = offsetOf(area.current.value, pointer);
      goTo(area.current, offset, lineEnd(offset));
    },
    focus: () => area.current.focus(),
  };
}

/**
 * Shows an editor.
 *
 * @param {{label: string, value: string, onInput: (text: string) => void, check?: object, rows?: number,
 *   isReadOnly?: boolean, hint?: string, handle?: {current: object}}} properties `check` is a value of
 *   `useCheck`. `handle` is a reference that gets `goTo(line, column)`, `select(pointer)` and `focus()`.
 */
export function Editor({ label, value, onInput, check = UNCHECKED, rows = 16, isReadOnly = false, hint, handle }) {
  const id = useId();
  const area = useRef(null);
  const [formatError, setFormatError] = useState("");
  useEffect(() => {
    if (handle) handle.current = handleOf(area);
  }, [handle]);

  // Marks belong to the text that was checked. While a newer text is checked, they stay.
  const errors = placed(check.errors, check.text ?? value);
  const warnings = placed(check.warnings, check.text ?? value);
  const marksOf = (items, kind) => items.filter(({ line }) => line).map(({ line }) => ({ line, kind }));

  const format = () => {
    const parsed = parseJson(value);
    setFormatError(parsed === undefined ? "The text is not valid JSON, so it cannot be formatted." : "");
    if (parsed !== undefined) replaceAll(area.current, formatJson(parsed));
  };

  return html`
    <div class="editor">
      <div class="editor-head">
        <label for=${id}>${label}</label>
        <span class="editor-tools">
          ${check.state ? html`<${CheckStatus} check=${check} />` : null}
          <${FormatButton} onFormat=${format} isReadOnly=${isReadOnly} />
        </span>
      </div>
      <${TextArea} area=${area} id=${id} value=${value} onInput=${onInput} rows=${rows} isReadOnly=${isReadOnly}
        marks=${[...marksOf(warnings, "warning"), ...marksOf(errors, "problem")]}
        isInvalid=${errors.length > 0} describedBy=${`${id}-hint ${id}-mistakes`} />
      <p class="hint" id=${`${id}-hint`}>
        ${hint ?? ""} ${isReadOnly ? "" : "Tab indents while you type. To move on with Tab, press Esc first."}
        <span role="status"> ${formatError}</span>
      </p>
      <div id=${`${id}-mistakes`}>
        <${Mistakes} check=${check} errors=${errors} warnings=${warnings}
          onJump=${(line, column) => goTo(area.current, offsetAt(area.current.value, line, column))} />
      </div>
    </div>`;
}
