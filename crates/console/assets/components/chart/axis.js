// The texts of the axes: instants in the viewer's time zone, or labels such as days.

import { LOCALE } from "../../app/locale.js";

const DAY_S = 86_400;
const CLOCK = new Intl.DateTimeFormat(LOCALE, { timeStyle: "short" });
const CLOCK_WITH_SECONDS = new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

/** Steps of whole numbers on an axis. */
export const WHOLE_STEPS = [...Array(13).keys()].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));

/** Steps of other numbers, down to the least difference that texts show. */
export const DECIMAL_STEPS = [0.1, 0.2, 0.5, ...WHOLE_STEPS];

/** Returns the name of the viewer's time zone, such as `Europe/Berlin`. */
export function zoneName() {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Returns the texts of instants on an axis, in seconds. `step` is the distance between them. */
export function timeTexts(splits, step) {
  if (step >= DAY_S) return splits.map((second) => DAY.format(second * 1_000));
  const clock = step < 60 ? CLOCK_WITH_SECONDS : CLOCK;
  let day = "";
  return splits.map((second, index) => {
    const previous = day;
    day = DAY.format(second * 1_000);
    const isNewDay = index > 0 && day !== previous;
    return isNewDay ? `${clock.format(second * 1_000)}\n${day}` : clock.format(second * 1_000);
  });
}

/** Returns an instant in milliseconds as the heading of crosshair values. */
export function instantText(at, spanMs) {
  return spanMs > DAY_S * 1_000 ? DAY_AND_CLOCK.format(at) : CLOCK_WITH_SECONDS.format(at);
}

/** The characters that are kept of the end of labels that begin alike. */
const END_LENGTH = 5;

/**
 * Returns the labels at whole positions of an axis, shortened to what fits. Labels that would look the same keep
 * their ends.
 */
export function labelTexts(splits, labels, most = 14) {
  const shown = splits.map((position) => (Number.isInteger(position) ? labels[position] : undefined) ?? "");
  const cut = (label) => (label.length > most ? `${label.slice(0, most - 1)}…` : label);
  const cutInside = (label) => `${label.slice(0, most - 1 - END_LENGTH)}…${label.slice(-END_LENGTH)}`;
  const isAlone = (label) => shown.filter((other) => cut(other) === cut(label)).length === 1;
  return shown.map((label) => (label.length <= most || isAlone(label) ? cut(label) : cutInside(label)));
}
