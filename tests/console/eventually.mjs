// Waiting for a state, without a fixed time.

import assert from "node:assert/strict";

const TIMEOUT_MS = 20_000;
const STEP_MS = 50;

/**
 * Waits until `read` returns a value for which `isExpected` is true, and returns it. Fails with the last value.
 */
export async function eventually(read, isExpected = Boolean, timeoutMs = TIMEOUT_MS) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (isExpected(value)) return value;
    if (Date.now() > deadline) assert.fail(`not reached within ${timeoutMs} ms, last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
