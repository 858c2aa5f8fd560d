// Cursors of lists: a list that does not end is an error, not a loop.

import { ApiError, KIND } from "./api_error.js";

/** The most pages of a list that are read. Pages can be empty, so that the number of items is no bound. */
export const MOST_PAGES = 2_000;

/**
 * Returns a function that checks the cursor of each next page and returns it, or undefined after the last page.
 *
 * @returns {(cursor?: string | null) => string | undefined} throws an `ApiError` if the cursor is that of the page
 *   before, or if the list has too many pages
 */
export function cursorCheck() {
  let previous;
  let number = 0;
  return (cursor) => {
    number += 1;
    if (cursor === undefined || cursor === null || cursor === "") return undefined;
    if (cursor === previous) throw new ApiError(KIND.failed, "The list does not end: the server repeats a page.");
    if (number >= MOST_PAGES) throw new ApiError(KIND.failed, `The list has more than ${MOST_PAGES} pages.`);
    previous = cursor;
    return cursor;
  };
}
