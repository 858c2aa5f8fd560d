// What the operator may do, as the console has learned it.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import * as permissions from "../../../crates/console/assets/app/permissions.js";

const KEYS = "/_tollgate/v1/keys";

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  permissions.setReadOnly(undefined);
});
afterEach(() => {
  mock.timers.tick(permissions.REMEMBERED_MS);
  mock.timers.reset();
});

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

test("a refusal is forgotten after a minute, or once the operation succeeds", () => {
  let calls = 0;
  const remove = permissions.onPermissionChange(() => (calls += 1));
  permissions.rememberDenied("DELETE", `${KEYS}/acme`, "not authorized to perform");
  mock.timers.tick(permissions.REMEMBERED_MS - 1);
  assert.ok(permissions.deniedReason("DELETE", `${KEYS}/acme`));
  mock.timers.tick(1);
  assert.equal(permissions.deniedReason("DELETE", `${KEYS}/acme`), undefined);
  assert.equal(calls, 2);

  permissions.rememberDenied("DELETE", `${KEYS}/acme`, "not authorized to perform");
  permissions.forgetDenied("DELETE", `${KEYS}/other`);
  assert.equal(permissions.deniedReason("DELETE", `${KEYS}/acme`), undefined);
  remove();
});

test("expired credentials and a wrong clock deny no operation", () => {
  for (const reason of ["The security token included in the request is expired", "Signature expired: 20261130T0900Z"]) {
    permissions.rememberDenied("POST", KEYS, reason);
    assert.equal(permissions.deniedReason("POST", KEYS), undefined, reason);
  }
});
