// The command line of an operation.

import { apiUrl } from "../../app/example_call.js";

const SIGNED = [
  "--aws-sigv4 \"aws:amz:${AWS_REGION}:execute-api\"",
  "--user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"",
  "-H \"x-amz-security-token: $AWS_SESSION_TOKEN\"",
];
const MAX_LINE_CHARACTERS = 90;
const API_PLACEHOLDER = "https://API";

/**
 * Returns the command that sends an operation, for POSIX shells. Parameters of the path are in capitals. Requests to
 * a deployed API are signed with the credentials in the environment.
 *
 * @param {object} operation
 * @param {{kind: string, label: string, region?: string, key_header?: string}} target
 */
export function curlCommand(operation, target) {
  const { method, path } = operation;
  const url = `${apiUrl(target) ?? API_PLACEHOLDER}${path.replaceAll(/\{(\w+)\}/g, upperCase)}`;
  const parts = ["curl", ...(method === "GET" ? [] : [`-X ${method}`]), ...credentials(operation, target)];
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type) parts.push(`-H ${quoted(`content-type: ${type}`)}`, `-d ${quoted(bodyText(content))}`);
  const [command, ...options] = [...parts, quoted(url)];
  const line = [command, ...options].join(" ");
  return line.length <= MAX_LINE_CHARACTERS ? line : [`${command} ${options[0]}`, ...options.slice(1)].join(" \\\n  ");
}

/** Returns the example of a body as text. */
export function bodyText(content) {
  const { example } = content;
  if (example === undefined) return "{}";
  return typeof example === "string" ? example : JSON.stringify(example);
}

function credentials({ security = [] }, target) {
  const schemes = security.flatMap((requirement) => Object.keys(requirement));
  if (schemes.includes("sigv4")) return target.kind === "local" ? [] : signed(target.region);
  if (schemes.includes("api_key")) return [`-H "${target.key_header ?? "x-api-key"}: $API_KEY"`];
  return [];
}

function signed(region) {
  return region ? SIGNED.map((part) => part.replace("${AWS_REGION}", region)) : SIGNED;
}

function upperCase(_, name) {
  return name.toUpperCase();
}

/** Returns a text in single quotes, for shells. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
