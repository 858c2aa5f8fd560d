//! Changes whose response from DynamoDB is lost although the change was made. The request, or its
//! repetition, ends in the requested state, with one audit record per change.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testing::{Emulator, Fault, FaultProxy};

use crate::audit_records::{records, send_as};
use crate::support::{Api, Response, idempotency_key, unique};

/// The attempts of one transaction.
const ATTEMPTS: usize = 3;
/// The fates of one transaction, attempt by attempt.
const LOSSES: [&[Fault]; 4] = [
    // The next attempt is the same transaction for DynamoDB.
    &[Fault::LoseResponse],
    // Another transaction seems to use the item, so that a new transaction finds the earlier write.
    &[Fault::LoseResponse, Fault::Conflict],
    &[Fault::LoseResponse; ATTEMPTS],
    &[Fault::Reset; ATTEMPTS],
];

/// The function on MiniStack, behind a proxy that loses responses.
struct World {
    api: Api,
    proxy: FaultProxy,
    _server: Emulator,
}

impl World {
    async fn new() -> Self {
        let (api, proxy, server) = Api::behind_proxy().await;
        Self {
            api,
            proxy,
            _server: server,
        }
    }

    /// Injects faults into the attempts of transactions, after the first `before` attempts.
    fn lose(&self, before: usize, faults: &'static [Fault]) {
        let mut attempts = 0;
        self.proxy.fault_by(move |_, operation| {
            if operation != "TransactWriteItems" {
                return Fault::None;
            }
            attempts += 1;
            let fault = (attempts - 1usize).checked_sub(before);
            let fault = fault.and_then(|number| faults.get(number));
            fault.copied().unwrap_or(Fault::None)
        });
    }

    /// Sends a request while responses are lost. If it fails, repeats it without faults.
    async fn send(&self, request: &Request<'_>, before: usize, faults: &'static [Fault]) -> Sent {
        self.lose(before, faults);
        let first = request.send(&self.api).await;
        self.proxy.fault_all(Fault::None);

        let is_lost = faults.len() == ATTEMPTS;
        assert_eq!(first.status == 503, is_lost, "{faults:?}: {first:?}");
        let last = if is_lost {
            request.send(&self.api).await
        } else {
            first
        };
        Sent {
            last,
            case: format!("{} {} {before} {faults:?}", request.method, request.path),
        }
    }

    /// Returns the number of records per action of a principal.
    async fn actions(&self, principal: &str) -> BTreeMap<String, usize> {
        let mut actions = BTreeMap::new();
        for record in records(&self.api, &format!("principal={principal}")).await {
            let action = record["action"].as_str().unwrap().to_owned();
            *actions.entry(action).or_default() += 1;
        }
        actions
    }

    async fn keys(&self, plan: &str) -> Vec<Value> {
        let list = self.api.get(&format!("/keys?plan={plan}&limit=100")).await;
        list.json()["items"].as_array().unwrap().clone()
    }
}

/// A request that can be repeated.
struct Request<'r> {
    principal: &'r str,
    method: &'r str,
    path: &'r str,
    idempotency_key: Option<&'r str>,
    body: Value,
}

/// The last response to a request.
struct Sent {
    last: Response,
    case: String,
}

impl Request<'_> {
    async fn send(&self, api: &Api) -> Response {
        let caller = json!({"iam": {"userArn": self.principal}});
        let path = format!("/_tollgate/v1{}", self.path);
        let mut call = api.call_as(self.method, &path, caller);
        if let Some(key) = self.idempotency_key {
            call = call.header("idempotency-key", key);
        }
        if !self.body.is_null() {
            call = call.json(self.body.clone());
        }
        call.send().await
    }
}

fn principal() -> String {
    unique("arn:aws:iam::123456789012:user/lost")
}

async fn reason(api: &Api, secret: &Value) -> Value {
    let decision = api.send("POST", "/decisions", json!({"key": secret})).await;
    decision.json()["reason"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn created_key_is_neither_lost_nor_created_twice() {
    let world = World::new().await;
    for method in ["PUT", "POST"] {
        for faults in LOSSES {
            let (principal, id) = (principal(), idempotency_key());
            let plan = world.api.plan(json!({})).await;
            let path = match method {
                "PUT" => format!("/keys/{}", unique("acme")),
                _ => "/keys".to_owned(),
            };
            let request = Request {
                principal: &principal,
                method,
                path: &path,
                idempotency_key: Some(&id),
                body: json!({"plan": plan}),
            };

            let Sent { last, case } = world.send(&request, 0, faults).await;
            assert_eq!(last.status, 201, "{case}: {last:?}");
            let again = request.send(&world.api).await;
            assert_eq!(again.json(), last.json(), "{case}");

            let keys = world.keys(&plan).await;
            assert_eq!(keys.len(), 1, "{case}: {keys:?}");
            assert_eq!(keys[0]["key_id"], last.json()["key_id"], "{case}");
            assert_eq!(reason(&world.api, &last.json()["key"]).await, "ok");
            let expected = BTreeMap::from([("key.create".to_owned(), 1)]);
            assert_eq!(world.actions(&principal).await, expected, "{case}");
        }
    }
}

/// The secret would be lost if the key were taken for the key of another request.
#[tokio::test(flavor = "multi_thread")]
async fn response_without_idempotency_key_contains_the_secret() {
    let world = World::new().await;
    for method in ["PUT", "POST"] {
        for faults in LOSSES.iter().filter(|faults| faults.len() < ATTEMPTS) {
            let (principal, plan) = (principal(), world.api.plan(json!({})).await);
            let path = match method {
                "PUT" => format!("/keys/{}", unique("acme")),
                _ => "/keys".to_owned(),
            };
            let request = Request {
                principal: &principal,
                method,
                path: &path,
                idempotency_key: None,
                body: json!({"plan": plan}),
            };

            let Sent { last, case } = world.send(&request, 0, faults).await;
            assert_eq!(last.status, 201, "{case}: {last:?}");
            assert_eq!(reason(&world.api, &last.json()["key"]).await, "ok");
            assert_eq!(world.keys(&plan).await.len(), 1, "{case}");
            let expected = BTreeMap::from([("key.create".to_owned(), 1)]);
            assert_eq!(world.actions(&principal).await, expected, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_changed_with_one_record() {
    let world = World::new().await;
    let (from, to) = (
        world.api.plan(json!({})).await,
        world.api.plan(json!({})).await,
    );
    for method in ["PUT", "PATCH"] {
        for faults in LOSSES {
            let principal = principal();
            let (key_id, secret) = world.api.key(&from).await;
            let path = format!("/keys/{key_id}");
            let request = Request {
                principal: &principal,
                method,
                path: &path,
                idempotency_key: None,
                body: json!({"plan": to, "name": "Acme", "metadata": {"crm": "7"}}),
            };

            let Sent { last, case } = world.send(&request, 0, faults).await;
            assert_eq!(last.status, 200, "{case}: {last:?}");
            let shown = world.api.get(&path).await;
            assert_eq!(shown.etag(), last.etag(), "{case}");
            assert_eq!(shown.json()["name"], "Acme", "{case}");
            assert_eq!(shown.json()["plan"], to, "{case}");
            assert_eq!(reason(&world.api, &secret.into()).await, "ok");
            let expected = BTreeMap::from([("key.update".to_owned(), 1)]);
            assert_eq!(world.actions(&principal).await, expected, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_key_gets_one_new_secret() {
    let world = World::new().await;
    for has_idempotency_key in [false, true] {
        for faults in LOSSES {
            let (principal, id) = (principal(), idempotency_key());
            // Without an Idempotency-Key, a repetition is another rotation.
            if !has_idempotency_key && faults.len() == ATTEMPTS {
                continue;
            }
            let (key_id, old) = world.api.key("open").await;
            let path = format!("/keys/{key_id}/rotate");
            let request = Request {
                principal: &principal,
                method: "POST",
                path: &path,
                idempotency_key: has_idempotency_key.then_some(&*id),
                body: json!({"grace_s": 60}),
            };

            let Sent { last, case } = world.send(&request, 0, faults).await;
            assert_eq!(last.status, 200, "{case}: {last:?}");
            let shown = world.api.get(&format!("/keys/{key_id}")).await;
            assert_eq!(shown.etag(), last.etag(), "{case}");
            for secret in [&last.json()["key"], &old.into()] {
                assert_eq!(reason(&world.api, secret).await, "ok", "{case}");
            }
            let expected = BTreeMap::from([("key.rotate".to_owned(), 1)]);
            assert_eq!(world.actions(&principal).await, expected, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn written_document_has_one_record() {
    let world = World::new().await;
    let rules = json!({"rules": [{"match": "GET /", "auth": "any"}]});
    for faults in LOSSES {
        let policy = format!("/policies/{}", unique("policy"));
        for (path, body) in [
            (
                format!("/plans/{}", unique("plan")),
                json!({"near_limit": 0.5}),
            ),
            (policy.clone(), rules.clone()),
            (format!("{policy}/candidate"), rules.clone()),
            (
                format!("/compositions/{}", unique("composition")),
                json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a"}}}}}),
            ),
        ] {
            let principal = principal();
            let request = Request {
                principal: &principal,
                method: "PUT",
                path: &path,
                idempotency_key: None,
                body,
            };
            let Sent { last, case } = world.send(&request, 0, faults).await;
            // The repetition of a write that was made replaces the document by an equal one.
            let is_made = faults.len() == ATTEMPTS && faults[0] == Fault::LoseResponse;
            let expected = if is_made { 200 } else { 201 };
            assert_eq!(last.status, expected, "{case}: {last:?}");
            assert_eq!(world.api.get(&path).await.etag(), last.etag(), "{case}");
            let actions = world.actions(&principal).await;
            assert_eq!(actions.values().sum::<usize>(), 1, "{case}: {actions:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_change_records_each_key_once() {
    let world = World::new().await;
    let plan = world.api.plan(json!({})).await;
    for _ in 0..105 {
        world.api.key(&plan).await;
    }
    for before in 0..3 {
        for faults in LOSSES {
            let (principal, name) = (principal(), unique("Acme"));
            let mut body = json!({"filter": {"plan": plan}, "set": {"name": name}});
            let preview = world.api.send("POST", "/keys/bulk", body.clone()).await;
            body["token"] = preview.json()["token"].clone();
            let request = Request {
                principal: &principal,
                method: "POST",
                path: "/keys/bulk",
                idempotency_key: None,
                body,
            };

            let Sent { mut last, case } = world.send(&request, before, faults).await;
            if last.status == 409 {
                // A part of the keys was changed. Another dry run selects the others.
                let mut body = request.body.clone();
                body.as_object_mut().unwrap().remove("token");
                let preview = world.api.send("POST", "/keys/bulk", body.clone()).await;
                body["token"] = preview.json()["token"].clone();
                last = send_as(&world.api, &principal, "POST", "/keys/bulk", body).await;
            }
            assert_eq!(last.status, 200, "{case}: {last:?}");
            let result = last.json();
            let count = |field: &str| result[field].as_u64().unwrap();
            assert_eq!(count("changed") + count("unchanged"), 105, "{case}");
            assert_eq!(result["failed"], json!([]), "{case}");
            if faults.len() < ATTEMPTS {
                assert_eq!(count("changed"), 105, "{case}");
            }

            let mut recorded = BTreeMap::<String, usize>::new();
            for record in records(&world.api, &format!("principal={principal}")).await {
                for key in record["keys"].as_array().unwrap() {
                    let key_id = key["target"].as_str().unwrap().to_owned();
                    *recorded.entry(key_id).or_default() += 1;
                }
            }
            assert_eq!(recorded.len(), 105, "{case}");
            assert!(recorded.values().all(|count| *count == 1), "{case}");
            let keys = world.keys(&plan).await;
            assert!(keys.iter().all(|key| key["name"] == name), "{case}");
        }
    }
}

/// Moved keys leave the selection, so that the repetition needs another dry run.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_move_to_another_plan_is_completed_by_another_dry_run() {
    let world = World::new().await;
    let (from, to) = (
        world.api.plan(json!({})).await,
        world.api.plan(json!({})).await,
    );
    for _ in 0..60 {
        world.api.key(&from).await;
    }
    let body = json!({"filter": {"plan": from}, "set": {"plan": to}});
    let principal = principal();
    let send =
        async |body: Value| send_as(&world.api, &principal, "POST", "/keys/bulk", body).await;
    let with_token = async || {
        let mut body = body.clone();
        body["token"] = send(body.clone()).await.json()["token"].clone();
        body
    };

    let change = with_token().await;
    world.lose(1, &[Fault::LoseResponse; ATTEMPTS]);
    assert_eq!(send(change.clone()).await.status, 503);
    world.proxy.fault_all(Fault::None);
    // Both transactions were made, so that nothing is left to change.
    let repeated = send(change).await.json();
    assert_eq!(
        (&repeated["matched"], &repeated["changed"]),
        (&json!(0), &json!(0))
    );

    world.lose(1, &[Fault::Reset; ATTEMPTS]);
    let body = json!({"filter": {"plan": to}, "set": {"plan": from}});
    let preview = send(body.clone()).await.json();
    let mut change = body.clone();
    change["token"] = preview["token"].clone();
    assert_eq!(send(change.clone()).await.status, 503);
    world.proxy.fault_all(Fault::None);
    // One of two transactions was made.
    assert_eq!(send(change.clone()).await.status, 409);
    change["token"] = send(body).await.json()["token"].clone();
    assert_eq!(send(change).await.json()["changed"], 10);

    assert_eq!(world.keys(&from).await.len(), 60);
    let expected = BTreeMap::from([("key.update".to_owned(), 4)]);
    assert_eq!(world.actions(&principal).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn candidate_is_put_in_force_with_one_record() {
    let world = World::new().await;
    for faults in LOSSES {
        let (principal, policy) = (principal(), unique("policy"));
        let rules = |auth: &str| json!({"rules": [{"match": "GET /", "auth": auth}]});
        let path = format!("/policies/{policy}");
        let (candidate, promote) = (format!("{path}/candidate"), format!("{path}/promote"));
        world.api.send("PUT", &path, rules("any")).await;
        world.api.send("PUT", &candidate, rules("api_key")).await;
        let request = Request {
            principal: &principal,
            method: "POST",
            path: &promote,
            idempotency_key: None,
            body: Value::Null,
        };

        let Sent { last, case } = world.send(&request, 0, faults).await;
        // The repetition of a promotion that was made finds no candidate.
        let is_made = faults.len() == ATTEMPTS && faults[0] == Fault::LoseResponse;
        let expected = if is_made { 404 } else { 200 };
        assert_eq!(last.status, expected, "{case}: {last:?}");
        let shown = world.api.get(&path).await;
        assert_eq!(shown.json(), rules("api_key"), "{case}");
        if !is_made {
            assert_eq!(shown.etag(), last.etag(), "{case}");
        }
        assert_eq!(world.api.get(&candidate).await.status, 404, "{case}");
        let expected = BTreeMap::from([("candidate.promote".to_owned(), 1)]);
        assert_eq!(world.actions(&principal).await, expected, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_succeeds_with_one_record() {
    let world = World::new().await;
    let rules = json!({"rules": [{"match": "GET /", "auth": "any"}]});
    for faults in LOSSES {
        let (plan, (key_id, secret)) =
            (world.api.plan(json!({})).await, world.api.key("open").await);
        let (policy, other) = (unique("policy"), unique("policy"));
        for path in [
            format!("/policies/{policy}"),
            format!("/policies/{other}"),
            format!("/policies/{other}/candidate"),
        ] {
            world.api.send("PUT", &path, rules.clone()).await;
        }
        let composition = format!("/compositions/{policy}");
        let document = json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a"}}}}});
        world.api.send("PUT", &composition, document).await;

        for path in [
            composition,
            format!("/keys/{key_id}"),
            format!("/plans/{plan}"),
            format!("/policies/{policy}"),
            format!("/policies/{other}/candidate"),
        ] {
            let principal = principal();
            let request = Request {
                principal: &principal,
                method: "DELETE",
                path: &path,
                idempotency_key: None,
                body: Value::Null,
            };
            let Sent { last, case } = world.send(&request, 0, faults).await;
            // The repetition of a deletion that was made finds nothing to delete.
            let is_made = faults.len() == ATTEMPTS && faults[0] == Fault::LoseResponse;
            let expected = if is_made { 404 } else { 204 };
            assert_eq!(last.status, expected, "{case}: {last:?}");
            assert_eq!(world.api.get(&path).await.status, 404, "{case}");
            let actions = world.actions(&principal).await;
            assert_eq!(actions.values().sum::<usize>(), 1, "{case}: {actions:?}");
        }
        assert_ne!(reason(&world.api, &secret.into()).await, "ok");
    }
}
