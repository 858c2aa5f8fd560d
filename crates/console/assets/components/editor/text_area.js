// The text of the editor, with line numbers, the current line and marks of mistakes.

import { lineAt } from "../../app/json_text.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../app/html.js";
import { handleKey } from "./typing.js";

/** The height of a line, as in editor.css. */
const LINE_REM = 1.25;

/** Returns the numbers of all lines as one text. */
function numbers(text) {
  const count = text.split("\n").length;
  return Array.from({ length: count }, (_, index) => index + 1).join("\n");
}

function Mark({ kind, line }) {
  const style = { transform: `translateY(${(line - 1) * LINE_REM}rem)` };
  return html`<div class=${`editor-mark ${kind}`} style=${style}></div>`;
}

/**
 * Shows a text area without line breaks of its own.
 *
 * @param {{area: {current: HTMLTextAreaElement}, id: string, value: string, onInput: (text: string) => void,
 *   marks: {line: number, kind: "problem"|"warning"}[], rows: number, isReadOnly: boolean, describedBy?: string,
 *   isInvalid: boolean}} properties
 */
export function TextArea({ area, id, value, onInput, marks, rows, isReadOnly, describedBy, isInvalid }) {
  const [currentLine, setCurrentLine] = useState(undefined);
  const isTyping = useRef(false);
  const under = useRef(null);
  const gutter = useRef(null);
  const numberText = useMemo(() => numbers(value), [value]);
  const width = `${numberText.length - numberText.lastIndexOf("\n")}ch`;

  const scroll = () => {
    // An event can follow the end of the editor.
    if (!area.current) return;
    const { scrollTop } = area.current;
    under.current.style.transform = `translateY(${-scrollTop}px)`;
    gutter.current.style.transform = `translateY(${-scrollTop}px)`;
  };
  useLayoutEffect(scroll, [value]);

  const move = () => setCurrentLine(lineAt(area.current.value, area.current.selectionStart));
  useEffect(() => {
    const change = () => {
      if (document.activeElement === area.current) move();
    };
    document.addEventListener("selectionchange", change);
    return () => document.removeEventListener("selectionchange", change);
  }, []);

  const input = (event) => {
    isTyping.current = true;
    onInput(event.currentTarget.value);
    move();
  };
  const blur = () => {
    isTyping.current = false;
    setCurrentLine(undefined);
  };

  return html`
    <div class="editor-box" style=${{ height: `${rows * LINE_REM + 1}rem` }}>
      <div class="editor-gutter" aria-hidden="true" style=${{ minWidth: `calc(${width} + 1rem)` }}>
        <pre ref=${gutter}>${numberText}</pre>
      </div>
      <div class="editor-text">
        <div class="editor-under" aria-hidden="true" ref=${under}>
          ${currentLine ? html`<${Mark} kind="current" line=${currentLine} />` : null}
          ${marks.map(({ kind, line }) => html`<${Mark} key=${`${kind} ${line}`} kind=${kind} line=${line} />`)}
        </div>
        <textarea id=${id} ref=${area} class="code" wrap="off" value=${value} readonly=${isReadOnly} spellcheck=${false}
          autocomplete="off" autocapitalize="off" aria-invalid=${isInvalid ? "true" : undefined}
          aria-describedby=${describedBy} onInput=${input} onScroll=${scroll}
          onKeyDown=${(event) => handleKey(event, isTyping)} onFocus=${move} onBlur=${blur}></textarea>
      </div>
    </div>`;
}
