// The addresses of pages.

import assert from "node:assert/strict";
import { test } from "node:test";

import { href, parseRoute } from "../../../crates/console/assets/app/router.js";

/** Names that mean something else if they are not encoded. */
const NAMES = ["acme", "a/b", "..", "%2F..", "a?b=c", "a#b", "javascript:alert(1)", "//example.com", "日本", "__proto__", "a b"];

test("a name comes back from its address as it was", () => {
  for (const name of NAMES) {
    const address = href(["keys", name], { tab: name });
    const { segments, parameters } = parseRoute(address);
    assert.deepEqual(segments, ["keys", name]);
    assert.equal(parameters.get("tab"), name);
  }
});

test("every address is a fragment of the page", () => {
  for (const name of NAMES) {
    const url = new URL(href([name]), "http://127.0.0.1:3000/_tollgate/console/");
    assert.equal(url.origin + url.pathname, "http://127.0.0.1:3000/_tollgate/console/");
  }
});

test("parameters without a value are left out", () => {
  assert.equal(href(["keys"], { plan: "", name: undefined }), "#/keys");
  assert.equal(href(["keys"], { plan: "free", name: undefined }), "#/keys?plan=free");
});

test("an address that is not encoded correctly is read as it is", () => {
  assert.deepEqual(parseRoute("#/keys/%E0%A4%A").segments, ["keys", "%E0%A4%A"]);
  assert.deepEqual(parseRoute("").segments, []);
});
