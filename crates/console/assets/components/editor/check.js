// The check of a text by the API while it is typed.

import { consoleApi } from "../../app/api.js";
import { useEffect, useState } from "../../app/html.js";

/** The time without a change after which a text is checked. */
const PAUSE_MS = 300;

const UNCHECKED = { state: "checking", errors: [], warnings: [], error: undefined, text: undefined };

/**
 * Checks a text with an operation of the console's own API, after each pause in typing. The newest check
 * wins: earlier ones are aborted.
 *
 * @param {string} operation such as `/plans/check`
 * @param {string} text
 * @param {object} parameters other fields of the request
 * @returns {{state: "checking"|"valid"|"invalid"|"unavailable", errors: {pointer?: string, line?: number,
 *   column?: number, detail: string}[], warnings: {pointer?: string, detail: string}[], error?: Error,
 *   text?: string}} `text` is the text that the errors and warnings belong to
 */
export function useCheck(operation, text, parameters = {}) {
  const [result, setResult] = useState(UNCHECKED);
  const more = JSON.stringify(parameters);

  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const check = async () => {
      const checked = await checkText(operation, text, { signal, parameters });
      if (!signal.aborted) setResult(checked);
    };
    const timer = setTimeout(check, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [operation, text, more]);

  return result.text === text ? result : { ...result, state: "checking" };
}

/** What is unfinished where a text ends, by the word of the JSON parser. */
const ENDS = {
  list: "The text ends before a list is closed.",
  object: "The text ends before an object is closed.",
  string: "The text ends before a string is closed.",
  value: "The text ends where a value is expected.",
};

/** Returns a mistake with the message of the JSON parser in words. */
function inWords(error) {
  const [, part] = /^EOF while parsing an? (\w+)/.exec(error.detail) ?? [];
  return { ...error, detail: ENDS[part] ?? error.detail };
}

/** Checks a text once. Resolves to a result also if the check itself fails. */
export async function checkText(operation, text, { signal, parameters = {} } = {}) {
  if (text.trim() === "") {
    const errors = [{ pointer: "", line: 1, column: 1, detail: "The text is empty, expected a JSON object." }];
    return { ...UNCHECKED, state: "invalid", errors, text };
  }
  try {
    const { data } = await consoleApi.post(operation, { ...parameters, text }, { signal });
    const { valid, errors, warnings } = data;
    return { ...UNCHECKED, state: valid ? "valid" : "invalid", errors: errors.map(inWords), warnings, text };
  } catch (error) {
    return { ...UNCHECKED, state: "unavailable", error, text };
  }
}
