// Downloads of all records that match the filter.

import { downloadCsv, downloadJson } from "../../app/download.js";
import { count } from "../../app/format.js";
import { html, useEffect, useRef, useState } from "../../app/html.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { ProblemNotice } from "../../components/problem.js";
import { changeText } from "./changes.js";
import { search } from "./records.js";

/** The number of records that a file contains at most. */
const MAX_RECORDS = 20_000;
const COLUMNS = ["at", "principal", "action", "target", "field", "change", "quota", "amount", "grant_id", "request_id"];

/** Shows buttons that download the records as JSON or CSV, with the progress. */
export function Downloads({ filter }) {
  const [progress, setProgress] = useState(0);
  const [isCut, setIsCut] = useState(false);
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);

  const action = useAction(async (format) => {
    controller.current = new AbortController();
    const { signal } = controller.current;
    setProgress(0);
    setIsCut(false);
    try {
      const { records, isComplete } = await allRecords(filter, setProgress, signal);
      if (format === "json") downloadJson("audit.json", records);
      else downloadCsv("audit.csv", [COLUMNS, ...records.flatMap(rowsOf)]);
      setIsCut(!isComplete);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  });

  const close = () => {
    controller.current?.abort();
    action.clear();
    setIsCut(false);
  };
  return html`
    <${Button} onClick=${() => action.run("csv")} disabled=${action.isRunning}>Download CSV<//>
    <${Button} onClick=${() => action.run("json")} disabled=${action.isRunning}>Download JSON<//>
    ${action.isRunning ? html`<${Progress} progress=${progress} onCancel=${close} />` : null}
    ${action.error || isCut ? html`<${Result} error=${action.error} onClose=${close} />` : null}`;
}

function Progress({ progress, onCancel }) {
  return html`
    <span class="hint" role="status">${count(progress)} records loaded …</span>
    <${Button} onClick=${onCancel}>Cancel<//>`;
}

function Result({ error, onClose }) {
  return html`
    <${Dialog} title="Download of the records" onClose=${onClose}>
      ${error ? html`<${ProblemNotice} error=${error} />` : html`
        <p>The file has the newest ${count(MAX_RECORDS)} records. Choose a shorter period for older ones.</p>`}
      <div class="actions end"><${Button} onClick=${onClose}>Close<//></div>
    <//>`;
}

async function allRecords(filter, onProgress, signal) {
  const records = [];
  let part = {};
  do {
    part = await search(filter, { parameters: part.parameters, cursor: part.cursor, signal, enough: MAX_RECORDS });
    records.push(...part.records);
    onProgress(records.length);
  } while (part.cursor && records.length < MAX_RECORDS);
  return { records: records.slice(0, MAX_RECORDS), isComplete: !part.cursor && records.length <= MAX_RECORDS };
}

/** Returns the rows of a record: one per changed field, or one without a field. */
function rowsOf(record) {
  const objects = record.keys ?? [record];
  return objects.flatMap(({ target, changes = {} }) => {
    const fields = Object.entries(changes).map(([pointer, change]) => [pointer, changeText(change)]);
    return (fields.length > 0 ? fields : [["", ""]]).map(([pointer, text]) => [
      record.at, record.principal, record.action, target, pointer, text,
      record.quota, record.amount, record.grant_id, record.request_id,
    ]);
  });
}
