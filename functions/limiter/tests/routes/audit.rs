//! The audit log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Api, Response, idempotency_key, unique};
use testing::Emulator;

const ALICE: &str = "arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com";

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Starts to capture the log of this thread, at the log level ERROR.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = telemetry::log_to(["limiter"], Some("error"), move || writer.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the audit lines since the previous call, without the fields that [`record`] removes.
    fn records(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["message"] == "administrative change")
            .map(record)
            .collect()
    }
}

/// Checks the principal and the request id of a line, and returns the other fields.
fn record(mut line: Value) -> Value {
    assert_eq!(
        (&line["principal"], &line["request_id"]),
        (&json!(ALICE), &json!("JKJaXmPLvHcESHA=")),
        "{line}"
    );

    let fields = line.as_object_mut().unwrap();
    for field in [
        "principal",
        "request_id",
        "message",
        "level",
        "timestamp",
        "span",
    ] {
        fields.remove(field);
    }
    if let Some(changes) = fields.get_mut("changes") {
        *changes = serde_json::from_str(changes.as_str().unwrap()).unwrap();
    }
    line
}

async fn send(api: &Api, method: &str, path: &str, body: Value) -> Response {
    let call = api.call_as(
        method,
        &format!("/_tollgate/v1{path}"),
        json!({"iam": {"userArn": ALICE}}),
    );
    if body.is_null() {
        call.send().await
    } else {
        call.json(body).send().await
    }
}

fn done(action: &str, target: &str, changes: Value) -> Vec<Value> {
    vec![json!({"action": action, "target": target, "result": "ok", "changes": changes})]
}

#[tokio::test]
async fn changes_of_keys_are_recorded_without_secrets() {
    let api = Api::embedded();
    let (log, _guard) = Log::start();
    let new = json!({"plan": "free", "name": "Acme Inc.", "metadata": {"stripe": "cus_hush"}});
    let made = send(&api, "POST", "/keys", new).await.json();
    let (id, first) = (
        made["key_id"].as_str().unwrap(),
        made["key"].as_str().unwrap(),
    );
    let all = log.text();
    let path = format!("/keys/{id}");
    assert_eq!(
        log.records(),
        done(
            "key.create",
            id,
            json!({"/plan": {"new": "free"}, "/name": {"new": "Acme Inc."}, "/enabled": {"new": true},
                "/metadata/stripe": "changed"})
        )
    );

    assert_eq!(
        send(
            &api,
            "PATCH",
            &path,
            json!({"enabled": false, "name": null})
        )
        .await
        .status,
        200
    );

    let changes = json!({"/enabled": {"old": true, "new": false}, "/name": {"old": "Acme Inc."}});
    assert_eq!(log.records(), done("key.update", id, changes));

    let rotated = send(
        &api,
        "POST",
        &format!("{path}/rotate"),
        json!({"grace_s": 60}),
    )
    .await
    .json();
    let all = all + &log.text();
    assert_eq!(
        log.records(),
        done(
            "key.rotate",
            id,
            json!({"/secret": "changed", "/grace_s": {"new": 60}})
        )
    );

    let granted = send(
        &api,
        "PATCH",
        &format!("{path}/usage"),
        json!({"quota": "day", "grant": -500}),
    )
    .await;
    assert_eq!(granted.json()["granted"], -100);

    let grant = json!({"action": "usage.grant", "target": id, "result": "ok", "quota": "day", "amount": -100});
    assert_eq!(log.records(), vec![grant]);

    assert_eq!(send(&api, "DELETE", &path, Value::Null).await.status, 204);

    let all = all + &log.text();
    let changes = json!({"/plan": {"old": "free"}, "/enabled": {"old": false}, "/metadata/stripe": "changed"});
    assert_eq!(log.records(), done("key.delete", id, changes));

    for secret in [first, rotated["key"].as_str().unwrap(), "hush"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[tokio::test]
async fn changes_of_plans_policies_and_refunds_are_recorded() {
    let api = Api::embedded();
    let (log, _guard) = Log::start();
    send(
        &api,
        "PUT",
        "/plans/p",
        json!({"throttle": {"rate": 1, "burst": 5}}),
    )
    .await;
    let changes = json!({"/throttle/rate": {"new": 1}, "/throttle/burst": {"new": 5}});
    assert_eq!(log.records(), done("plan.put", "p", changes));

    send(
        &api,
        "PUT",
        "/plans/p",
        json!({"throttle": {"rate": 2, "burst": 5}}),
    )
    .await;
    assert_eq!(
        log.records(),
        done(
            "plan.put",
            "p",
            json!({"/throttle/rate": {"old": 1, "new": 2}})
        )
    );

    send(&api, "PUT", "/plans/empty", json!({})).await;
    assert_eq!(
        log.records(),
        done("plan.put", "empty", json!({"": {"new": {}}}))
    );

    send(&api, "DELETE", "/plans/empty", Value::Null).await;
    assert_eq!(
        log.records(),
        done("plan.delete", "empty", json!({"": {"old": {}}}))
    );

    let rule = |path: &str| json!({"match": path, "auth": "any"});
    send(
        &api,
        "PUT",
        "/policies/main",
        json!({"rules": [rule("GET /b")]}),
    )
    .await;
    log.records();
    send(
        &api,
        "PUT",
        "/policies/main",
        json!({"rules": [rule("GET /a"), rule("GET /b")]}),
    )
    .await;
    let changes = json!({"/rules/0/match": {"new": "GET /a"}, "/rules/0/auth": {"new": "any"}});
    assert_eq!(log.records(), done("policy.put", "main", changes));

    let candidate = json!({"rules": [rule("GET /a")]});
    let is_recorded = |action: &str| {
        let records = log.records();
        assert_eq!(records.len(), 1, "{action}: {records:?}");
        assert_eq!(
            [
                &records[0]["action"],
                &records[0]["target"],
                &records[0]["result"]
            ],
            [action, "main", "ok"]
        );
    };
    let path = "/policies/main/candidate";
    send(&api, "PUT", path, candidate.clone()).await;
    is_recorded("candidate.put");
    send(&api, "DELETE", path, Value::Null).await;
    is_recorded("candidate.delete");
    send(&api, "PUT", path, candidate).await;
    log.records();
    send(&api, "POST", "/policies/main/promote", Value::Null).await;
    is_recorded("candidate.promote");
    send(&api, "DELETE", "/policies/main", Value::Null).await;
    is_recorded("policy.delete");

    let question = json!({"key": "local-free-key-000000000001", "cost": 3});
    let charge = send(&api, "POST", "/decisions", question).await.json()["charge"].clone();
    assert_eq!(log.records(), Vec::<Value>::new());

    for _ in 0..2 {
        send(
            &api,
            "POST",
            "/decisions",
            json!({"mode": "refund", "charge": charge}),
        )
        .await;
    }
    assert_eq!(
        log.records(),
        vec![json!({"action": "usage.refund", "target": "seeded", "result": "ok", "amount": 3})]
    );
}

#[tokio::test]
async fn every_imported_change_is_recorded() {
    let api = Api::embedded();
    let (log, _guard) = Log::start();
    let import = |file: String, query: &str| {
        let path = format!("/_tollgate/v1/keys/import{query}");
        api.call_as("POST", &path, json!({"iam": {"userArn": ALICE}}))
            .body("text/csv", &file)
            .send()
    };
    let file = |name: &str| {
        format!(
            "Key,Name,UsagePlanIds\nlocal-free-key-000000000001,{name},free\nimported-key-0000000001,new,open\nshort,x,free\n"
        )
    };
    import(file("Acme"), "?dry_run=true").await;
    assert_eq!(log.records(), Vec::<Value>::new());

    let imported = import(file("Acme"), "").await.json();
    let new = imported["keys"][1]["key_id"].as_str().unwrap();
    let updated = done("key.import", "seeded", json!({"/name": {"new": "Acme"}}));
    let fields =
        json!({"/name": {"new": "new"}, "/plan": {"new": "open"}, "/enabled": {"new": true}});
    assert_eq!(
        log.records(),
        [updated, done("key.import", new, fields)].concat()
    );

    import(file("Acme"), "").await;
    assert_eq!(log.records(), Vec::<Value>::new());
}

#[tokio::test]
async fn request_without_a_change_is_not_recorded() {
    let api = Api::embedded();
    let id = idempotency_key();
    let (log, _guard) = Log::start();
    send(&api, "PUT", "/plans/p", json!({"near_limit": 0.5})).await;
    let create = || {
        let call = api.call_as(
            "POST",
            "/_tollgate/v1/keys",
            json!({"iam": {"userArn": ALICE}}),
        );
        call.header("idempotency-key", &id)
            .json(json!({"plan": "p"}))
            .send()
    };
    let key_id = create().await.json()["key_id"].as_str().unwrap().to_owned();
    assert_eq!(log.records().len(), 2);

    create().await;
    send(&api, "PUT", "/plans/p", json!({"near_limit": 0.5})).await;
    send(&api, "PUT", "/plans/p", json!({"near_limit": 2})).await;
    send(&api, "DELETE", "/plans/p", Value::Null).await;
    send(&api, "POST", "/keys", json!({"plan": "missing"})).await;
    send(
        &api,
        "PATCH",
        &format!("/keys/{key_id}"),
        json!({"enabled": true}),
    )
    .await;
    send(&api, "PATCH", "/keys/missing", json!({"enabled": true})).await;
    send(
        &api,
        "PATCH",
        &format!("/keys/{key_id}/usage"),
        json!({"quota": "day", "grant": 1}),
    )
    .await;
    let unsigned = api
        .call_as(
            "DELETE",
            &format!("/_tollgate/v1/keys/{key_id}"),
            Value::Null,
        )
        .send()
        .await;
    assert_eq!(unsigned.status, 403);
    assert_eq!(log.records(), Vec::<Value>::new());
}

#[tokio::test]
async fn iam_context_without_an_identity_is_forbidden() {
    let api = Api::embedded();
    let (log, _guard) = Log::start();
    let call = |iam: Value| {
        api.call_as("PUT", "/_tollgate/v1/plans/p", json!({"iam": iam}))
            .json(json!({}))
            .send()
    };

    for iam in [
        json!({}),
        json!({"userArn": null, "callerId": null, "accountId": null}),
        json!({"userArn": "", "callerId": " ", "accountId": ""}),
        json!({"principalOrgId": "o-1234567890"}),
    ] {
        assert_eq!(call(iam.clone()).await.status, 403, "{iam}");
    }
    assert_eq!(log.records(), Vec::<Value>::new());

    let signed = json!({"userArn": "", "callerId": "AIDAEXAMPLE", "accountId": "123456789012"});
    assert_eq!(call(signed).await.status, 201);
    assert!(log.text().contains(r#""principal":"AIDAEXAMPLE""#));
}

#[tokio::test]
async fn change_with_unknown_outcome_is_recorded_as_unknown() {
    let server = Emulator::ministack();
    let api = Api::dynamodb(&format!("http://{}", server.address)).await;
    let (log, _guard) = Log::start();
    let plan = unique("plan");
    drop(server);

    assert_eq!(
        send(&api, "PUT", &format!("/plans/{plan}"), json!({}))
            .await
            .status,
        503
    );
    assert_eq!(
        log.records(),
        vec![json!({"action": "plan.put", "target": plan, "result": "unknown"})]
    );
}
