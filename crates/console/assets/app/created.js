// The object that a page has just created. It is kept in memory, so that only the next page mentions it.

let created;

/** Keeps the path of an object for the next page. */
export function keepCreated(path) {
  created = path;
}

/** Returns true, once, if the object with this path has just been created. */
export function takeCreated(path) {
  const isCreated = path === created;
  created = undefined;
  return isCreated;
}
