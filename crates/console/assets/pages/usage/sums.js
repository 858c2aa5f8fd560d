// Sums over the keys of a report.

/** The sums before the first row. */
export const NOTHING = { keys: 0, active: 0, calls: 0, units: 0, refused: 0 };

/** Adds rows with one key each to sums. */
export function addRows(sums, rows) {
  return rows.reduce((total, { calls, units, refused }) => ({
    keys: total.keys + 1,
    active: total.active + (calls > 0 ? 1 : 0),
    calls: total.calls + calls,
    units: total.units + units,
    refused: total.refused + refused,
  }), sums);
}
