// Keys with a meaning of their own in the editor: Tab, Enter and Esc.

const INDENT = "  ";

/** Replaces the selection, as if the text were typed, so that it can be undone. */
export function insert(area, text) {
  area.focus();
  if (document.execCommand("insertText", false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** Replaces the whole text and keeps the cursor near its place. */
export function replaceAll(area, text) {
  const { selectionStart } = area;
  area.setSelectionRange(0, area.value.length);
  insert(area, text);
  area.setSelectionRange(Math.min(selectionStart, text.length), Math.min(selectionStart, text.length));
}

function lineStart(area) {
  return area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
}

/** Adds the indentation of the current line to the next one, and more after an open bracket. */
function newLine(area) {
  const before = area.value.slice(lineStart(area), area.selectionStart);
  const indent = before.match(/^[ \t]*/)[0];
  insert(area, `\n${indent}${/[{[]\s*$/.test(before) ? INDENT : ""}`);
}

/** Indents the selected lines, or removes indentation. */
function indent(area, isBack) {
  if (!isBack && area.selectionStart === area.selectionEnd) return insert(area, INDENT);

  const start = lineStart(area);
  const lines = area.value.slice(start, area.selectionEnd);
  const changed = isBack ? lines.replaceAll(/^ {1,2}/gm, "") : lines.replaceAll(/^/gm, INDENT);
  area.setSelectionRange(start, area.selectionEnd);
  insert(area, changed);
  return area.setSelectionRange(start, start + changed.length);
}

/**
 * Handles a key. Tab indents only after the text was changed: before, and after Esc, it moves on to the
 * next control, so that the keyboard is never trapped.
 *
 * @param {KeyboardEvent} event
 * @param {{current: boolean}} isTyping true since the last change
 */
export function handleKey(event, isTyping) {
  const area = event.currentTarget;
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
  if (area.readOnly || hasModifier || event.isComposing) return;

  if (event.key === "Escape" && isTyping.current) {
    isTyping.current = false;
    // A dialog around the editor stays open: the next Esc closes it.
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Tab" && isTyping.current) {
    event.preventDefault();
    indent(area, event.shiftKey);
  } else if (event.key === "Enter") {
    event.preventDefault();
    newLine(area);
  }
}
