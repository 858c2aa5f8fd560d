// Protection of CSV files against formula injection, by the same rule as the files of the API: see the crate
// `key-file`. A formula can begin at the start of a text, and after each separator or line break.

const SEPARATORS = ";|\\t-\\r\\x85\\u2028\\u2029\\u037e\\ufe14\\ufe54\\uff1b\\uff5c";
/** Each part ends with a separator, except for the last one. */
const PARTS = new RegExp(`[^${SEPARATORS}]*[${SEPARATORS}]|[^${SEPARATORS}]+`, "gu");
/** A sign that begins a formula, after characters that spreadsheets skip. */
const FORMULA = new RegExp(
  "^[\\s\\p{Cc}\\p{Default_Ignorable_Code_Point}\\ufff9-\\ufffb\"'\\uff02\\uff07]*"
  + "[=+\\-@\\u207a-\\u207c\\u208a-\\u208c\\u2212\\u2a75\\u2a76\\ufb29\\ufe62\\ufe63\\ufe66\\ufe6b\\uff0b\\uff0d\\uff1d\\uff20]",
  "u",
);
const LEADING_BREAK = /^'*[\t\r\n]/;

/** Puts an apostrophe before everything that a spreadsheet could read as a formula. */
export function escapeFormulas(text) {
  const parts = text.match(PARTS) ?? [];
  return parts
    .map((part, index) => (FORMULA.test(part) || (index === 0 && LEADING_BREAK.test(text)) ? `'${part}` : part))
    .join("");
}
