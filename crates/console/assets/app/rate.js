// Rates, which can be very small.

import { LOCALE } from "./locale.js";

const RATE = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 6 });

/** Returns a number of tokens per second with its significant digits, such as `0.0001`. */
export function rate(value) {
  return RATE.format(value);
}
