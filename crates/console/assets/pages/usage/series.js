// The series of the charts of the top keys.

/** The keys with a series of their own. Further ones are added up: more series cannot be told apart. */
const OWN_SERIES = 4;

/** Returns what identifies a key of a report. A deleted key and a new one can have the same id. */
function idOf({ key_id: id, deleted_at: deletedAt }) {
  return `${id} ${deletedAt ?? ""}`;
}

function nameOf({ key_id: id, name }) {
  return name || id;
}

/** Returns one row per key with its sums, in the order of the report. */
export function topRows(items) {
  const rows = new Map();
  for (const item of items) {
    const id = idOf(item);
    const row = rows.get(id);
    if (!row) {
      rows.set(id, { ...item });
      continue;
    }
    row.calls += item.calls;
    row.units += item.units;
    row.refused += item.refused;
    row.to = item.to;
  }
  return [...rows.values()];
}

/** Returns the calls and refused calls of each key. */
export function seriesByKey(rows) {
  return {
    x: rows.map(nameOf),
    series: [
      { label: "Calls", kind: "bar", values: rows.map(({ calls }) => calls) },
      { label: "Refused", kind: "bar", values: rows.map(({ refused }) => refused) },
    ],
  };
}

/** Returns the calls of each day by key: the first ones alone, the others together. */
export function seriesByDay(items, rows) {
  const x = [...new Set(items.map(({ from }) => from))].sort();
  const own = rows.slice(0, OWN_SERIES);
  const others = new Set(rows.slice(OWN_SERIES).map(idOf));
  const valuesOf = (isOf) => x.map((day) => items
    .filter((item) => item.from === day && isOf(idOf(item)))
    .reduce((sum, { calls }) => sum + calls, 0));

  const series = own.map((row) => ({ label: nameOf(row), kind: "bar", values: valuesOf((id) => id === idOf(row)) }));
  if (others.size === 0) return { x, series };
  const label = others.size === 1 ? "1 other key" : `${others.size} other keys`;
  return { x, series: [...series, { label, kind: "bar", values: valuesOf((id) => others.has(id)) }] };
}
