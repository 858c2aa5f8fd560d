// The download of a report as CSV: all pages of the API in one file.

import { admin, withQuery } from "../../app/api.js";
import { ApiError, KIND } from "../../app/api_error.js";
import { cursorCheck } from "../../app/cursor.js";
import { download } from "../../app/download.js";
import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { useOnDemand } from "../../app/on_demand.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { ProblemNotice } from "../../components/problem.js";
import { fileName, parametersOf } from "./report.js";

const CSV = "text/csv";
const TOO_LARGE = "The file would be too large. Choose fewer days, a plan or a group.";
/** The largest file. The browser keeps it in memory until it is stored. */
export const MAX_CHARACTERS = 200_000_000;

/**
 * Reads all pages of a report and returns their texts. Only the first page has a header.
 *
 * @param {object} report
 * @param {AbortSignal} signal
 * @param {(rows: number) => void} onProgress
 */
export async function csvPages(report, signal, onProgress, { maxCharacters = MAX_CHARACTERS } = {}) {
  const texts = [];
  const check = cursorCheck();
  let [rows, characters, cursor] = [0, 0, undefined];
  do {
    const path = withQuery("/usage", { ...parametersOf(report), limit: 100, cursor });
    const response = await admin.raw("GET", path, { headers: { accept: CSV }, signal });
    const text = await response.text();
    cursor = check(response.headers.get("x-next-cursor"));

    characters += text.length;
    if (characters > maxCharacters) throw new ApiError(KIND.invalid, TOO_LARGE);
    rows += rowsIn(text) - (texts.length === 0 ? 1 : 0);
    texts.push(text);
    onProgress(rows);
  } while (cursor);
  return texts;
}

function rowsIn(text) {
  return text.split("\n").length - 1;
}

/** Shows the button of the download, its progress and its failure. */
export function CsvDownload({ report }) {
  const file = useOnDemand(async (signal, onProgress) => {
    const texts = await csvPages(report, signal, onProgress);
    download(fileName(report), new Blob(texts), "text/csv;charset=utf-8");
    return { isStored: true };
  });
  return html`
    <span class="hint csv-status" role="status">${statusOf(file)}</span>
    ${file.isLoading
      ? html`<${Button} onClick=${file.cancel}>Cancel the download<//>`
      : html`<${Button} onClick=${file.start}>Download CSV<//>`}
    ${file.error ? html`<${Failure} error=${file.error} onRetry=${file.start} onClose=${file.clear} />` : null}`;
}

function statusOf({ isLoading, data, error, count: rows }) {
  if (isLoading) return `${count(rows)} rows loaded …`;
  return data && !error ? `Downloaded ${count(rows)} rows` : "";
}

function Failure({ error, onRetry, onClose }) {
  return html`
    <${Dialog} title="The download failed" onClose=${onClose}>
      <${ProblemNotice} error=${error} onRetry=${onRetry} />
      <div class="actions end"><${Button} onClick=${onClose}>Close<//></div>
    <//>`;
}
