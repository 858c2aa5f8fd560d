// The fields RateLimit and RateLimit-Policy, as a decision has them.

/**
 * Returns the items of a field: `"burst";r=2;t=1, "day";r=97` has two, each with its name and parameters.
 *
 * @param {string} [field]
 * @returns {{name: string, parameters: Record<string, number>}[]}
 */
export function parseItems(field = "") {
  const items = [];
  for (const [, quoted, parameters] of field.matchAll(/"((?:[^"\\]|\\.)*)"((?:;[a-z*][a-z0-9_.*-]*(?:=[^;,"]+)?)*)/g)) {
    items.push({ name: quoted.replaceAll(/\\(.)/g, "$1"), parameters: parseParameters(parameters) });
  }
  return items;
}

function parseParameters(text) {
  const pairs = text
    .split(";")
    .filter(Boolean)
    .map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]));
}

/**
 * Returns the limits of a decision.
 *
 * @param {{ratelimit?: string, ratelimit_policy?: string}} decision
 * @returns {{name: string, limit?: number, windowS?: number, remaining?: number, resetS?: number}[]}
 */
export function limitsOf({ ratelimit, ratelimit_policy: policy }) {
  const state = new Map(parseItems(ratelimit).map(({ name, parameters }) => [name, parameters]));
  return parseItems(policy).map(({ name, parameters: { q, w } }) => {
    const { r, t } = state.get(name) ?? {};
    return { name, limit: q, windowS: w, remaining: r, resetS: t };
  });
}
