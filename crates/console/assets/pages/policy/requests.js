// Requests to test a policy with, one per line.

/** The number of requests that are tested at once. */
export const MAX_REQUESTS = 100;

const METHOD = /^[A-Za-z]{1,20}$/;

/**
 * Returns the requests of a text with a method and a path per line. A line with a path only is a GET request. Methods
 * are kept as they are written: the API refuses those in lower case.
 *
 * @param {string} text
 * @returns {{requests: {method: string, path: string}[], mistakes: string[]}}
 */
export function parseRequests(text) {
  const requests = [];
  const mistakes = [];
  text.split("\n").forEach((line, index) => {
    const words = line.trim().split(/\s+/).filter(Boolean);
    if (words.length === 0) return;

    const [method, path] = words.length === 1 ? ["GET", words[0]] : words;
    if (words.length > 2 || !METHOD.test(method) || !path.startsWith("/")) {
      mistakes.push(`Line ${index + 1}: expected a method and a path, such as GET /orders/1.`);
    } else {
      requests.push({ method, path });
    }
  });
  if (requests.length > MAX_REQUESTS) mistakes.push(`Only the first ${MAX_REQUESTS} requests are tested.`);
  return { requests: requests.slice(0, MAX_REQUESTS), mistakes };
}
