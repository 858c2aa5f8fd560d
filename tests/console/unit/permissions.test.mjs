// What the operator may do, as the console has learned it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import * as permissions from "../../../crates/console/assets/app/permissions.js";

const KEYS = "/_tollgate/v1/keys";

beforeEach(() => permissions.setReadOnly(undefined));

test("a refusal applies to the same operation on other objects", () => {
  permissions.rememberDenied("DELETE", `${KEYS}/acme`, "not authorized to perform execute-api:Invoke");
  assert.match(permissions.deniedReason("DELETE", `${KEYS}/other`), /not authorized/);
  assert.equal(permissions.deniedReason("PATCH", `${KEYS}/acme`), undefined);
  assert.equal(permissions.deniedReason("DELETE", KEYS), undefined);
  assert.equal(permissions.deniedReason("DELETE", `${KEYS}/acme/grants/1`), undefined);
});

test("paths below the admin API are the same operations", () => {
  permissions.rememberDenied("POST", `${KEYS}/acme/rotate`, "no rotation");
  assert.equal(permissions.deniedReason("POST", "/keys/other/rotate"), "no rotation");
  assert.equal(permissions.deniedReason("POST", "/keys"), undefined);
});

test("a console that only reads denies every change with its reason", () => {
  permissions.setReadOnly("started without --write");
  assert.equal(permissions.deniedReason("POST", KEYS), "started without --write");
  assert.equal(permissions.deniedReason("GET", KEYS), undefined);
});

test("listeners are called after a change until they are removed", () => {
  let calls = 0;
  const remove = permissions.onPermissionChange(() => (calls += 1));
  permissions.rememberDenied("PUT", "/_tollgate/v1/plans/free", "no");
  assert.equal(calls, 1);
  remove();
  permissions.rememberDenied("PUT", "/_tollgate/v1/plans/free", "no");
  assert.equal(calls, 1);
});
