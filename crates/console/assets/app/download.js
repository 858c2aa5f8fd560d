// Files that the browser stores.

import { escapeFormulas } from "./formula_cells.js";

const CSV_TYPE = "text/csv;charset=utf-8";

/** Stores a text as a file. */
export function download(name, text, type = "text/plain;charset=utf-8") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** Stores a value as a JSON file. */
export function downloadJson(name, value) {
  download(name, `${JSON.stringify(value, null, 2)}\n`, "application/json");
}

/** Stores rows as a CSV file. The first row has the names of the columns. */
export function downloadCsv(name, rows) {
  download(name, toCsv(rows), CSV_TYPE);
}

/** Returns rows as CSV (RFC 4180). Formulas get an apostrophe, so that they are not calculated. */
export function toCsv(rows) {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value) {
  const text = value === undefined || value === null ? "" : String(value);
  const safe = typeof value === "string" ? escapeFormulas(text) : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
