// Requests that can be repeated without a second effect.

/**
 * Returns a function that gives the header for a document. A repeated document has the same header, so
 * that the server returns the first response again. A changed document has a new one.
 */
export function idempotencyKeys() {
  let last;
  return (document) => {
    const text = JSON.stringify(document);
    if (last?.text !== text) last = { text, key: crypto.randomUUID() };
    return { "idempotency-key": last.key };
  };
}
