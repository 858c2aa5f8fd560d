// The language of numbers and instants.

/** The language of other viewers: the texts are English, and dates and clocks are those of most of the world. */
const OTHERWISE = "en-GB";

/**
 * The viewer's variant of English, or `OTHERWISE`. The pages are in English: the names of months or the separators of
 * another language between their words would be read wrongly.
 */
export const LOCALE = localeOf(globalThis.navigator?.languages ?? []);

/** Returns the first English variant of a list of languages, or `OTHERWISE`. */
export function localeOf(languages) {
  return languages.find((language) => /^en\b/.test(language)) ?? OTHERWISE;
}
