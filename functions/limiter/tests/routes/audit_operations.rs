//! Every operation that changes something has a record. The operations are those of the OpenAPI
//! description, so that a new one cannot be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit_records::records;
use crate::support::{Api, Response, unique};

/// The operations that write, each with the action of its record.
const RECORDED: [(&str, &str); 22] = [
    ("putPlan", "plan.put"),
    ("deletePlan", "plan.delete"),
    ("createKey", "key.create"),
    ("putKey", "key.create"),
    ("updateKey", "key.update"),
    ("deleteKey", "key.delete"),
    ("rotateKey", "key.rotate"),
    ("changeKeys", "key.update"),
    ("importKeys", "key.import"),
    ("grantUsage", "usage.grant"),
    ("grantUsageToCaller", "usage.grant"),
    ("revokeGrant", "usage.revoke"),
    ("revokeGrantOfCaller", "usage.revoke"),
    ("putPolicy", "policy.put"),
    ("deletePolicy", "policy.delete"),
    ("putCandidate", "candidate.put"),
    ("deleteCandidate", "candidate.delete"),
    ("promoteCandidate", "candidate.promote"),
    ("putComposition", "composition.put"),
    ("deleteComposition", "composition.delete"),
    ("putBlock", "block.put"),
    ("deleteBlock", "block.delete"),
];
/// The operations that write no record. A decision and its refund are not administrative changes.
const UNRECORDED: [&str; 2] = ["decide", "lookUpKey"];

/// Sends operations, each by a principal of its own.
struct Script<'a> {
    api: &'a Api,
    principals: BTreeMap<&'static str, String>,
}

impl Script<'_> {
    /// Sends an operation with the values of its parameters. A body that is a string is a key file.
    async fn send(
        &mut self,
        operation: &'static str,
        values: &[(&str, &str)],
        body: Value,
    ) -> Response {
        let (method, path) = route(operation);
        let path = filled(path, values);
        let principal = unique("arn:aws:iam::123456789012:user/operator");

        let caller = json!({"iam": {"userArn": principal}});
        let call = self.api.call_as(&method, &path, caller);
        let response = match &body {
            Value::Null => call.send().await,
            Value::String(file) => call.body("text/csv", file).send().await,
            _ => call.json(body).send().await,
        };
        assert!(response.status < 300, "{operation}: {response:?}");
        self.principals.insert(operation, principal);
        response
    }
}

/// Returns a path with its values. Those that the path does not name are its query.
fn filled(mut path: String, values: &[(&str, &str)]) -> String {
    for (name, value) in values {
        let place = format!("{{{name}}}");
        path = match path.contains(&place) {
            true => path.replace(&place, value),
            false => format!("{path}?{name}={value}"),
        };
    }
    path
}

/// Returns the method and the path of an operation.
fn route(operation: &str) -> (String, String) {
    let found = operations().find(|(_, _, id)| id == operation);
    let (method, path, _) = found.unwrap_or_else(|| panic!("no operation {operation}"));
    (method, path)
}

/// Returns the methods, the paths and the ids of all operations.
fn operations() -> impl Iterator<Item = (String, String, String)> {
    let description = limiter::Limiter::openapi();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.push((method.to_uppercase(), path.clone(), id));
        }
    }
    operations.into_iter()
}

pub(crate) async fn every_write_operation_has_its_record(api: Arc<Api>) {
    let principals = send_all(&api).await;

    for (operation, action) in RECORDED {
        let principal = principals
            .get(operation)
            .unwrap_or_else(|| panic!("{operation} is not sent"));
        let found = records(&api, &format!("principal={principal}")).await;
        let found: Vec<_> = found.iter().map(|record| &record["action"]).collect();
        assert_eq!(found, [action], "{operation}");
    }
}

/// Sends every operation with a record once, and returns the principal of each.
async fn send_all(api: &Api) -> BTreeMap<&'static str, String> {
    let principals = BTreeMap::new();
    let mut script = Script { api, principals };
    let (plan, policy) = (unique("plan"), unique("policy"));
    let (chosen, secret) = (unique("chosen"), unique("secret-of-a-key-file"));
    let (in_plan, of_policy) = ([("plan", &*plan)], [("name", &*policy)]);

    let none = || Value::Null;
    let quota = json!({"quotas": [{"limit": 10, "period": "day"}]});
    script.send("putPlan", &in_plan, quota).await;
    let new = json!({"plan": plan, "name": plan});
    let made = script.send("createKey", &[], new).await.json();
    let key_id = made["key_id"].as_str().unwrap().to_owned();
    let of_key = [("key_id", &*key_id)];
    let of_chosen = [("key_id", &*chosen)];

    script
        .send("putKey", &of_chosen, json!({"plan": plan}))
        .await;
    let patch = json!({"enabled": false});
    script.send("updateKey", &of_key, patch).await;
    script.send("rotateKey", &of_key, json!({})).await;
    let mut bulk = json!({"filter": {"plan": plan}, "set": {"description": "changed"}});
    let preview = api.send("POST", "/keys/bulk", bulk.clone()).await.json();
    bulk["token"] = preview["token"].clone();
    script.send("changeKeys", &[], bulk).await;
    let file = format!("Key,UsagePlanIds\n{secret},{plan}\n");
    let imported = script.send("importKeys", &[], file.into()).await.json();
    let grant = json!({"quota": "day", "grant": 5});
    let granted = script.send("grantUsage", &of_key, grant.clone()).await;
    let id = granted.json()["id"].as_str().unwrap().to_owned();
    let of_grant = [("key_id", &*key_id), ("grant_id", &*id)];
    script.send("revokeGrant", &of_grant, none()).await;
    let of_group = [("kind", "group"), ("id", &*chosen), ("plan", &*plan)];
    let granted = script.send("grantUsageToCaller", &of_group, grant).await;
    let id = granted.json()["id"].as_str().unwrap().to_owned();
    let of_grant = [&of_group[..], &[("grant_id", &*id)]].concat();
    script.send("revokeGrantOfCaller", &of_grant, none()).await;

    script.send("deleteKey", &of_key, none()).await;
    let imported = imported["keys"][0]["key_id"].as_str().unwrap().to_owned();
    for key_id in [chosen.as_str(), &imported] {
        let path = format!("/keys/{key_id}");
        assert_eq!(api.call("DELETE", &path).send().await.status, 204);
    }
    script.send("deletePlan", &in_plan, none()).await;

    let rules = |path: &str| json!({"rules": [{"match": path, "auth": "none"}]});
    script.send("putPolicy", &of_policy, rules("GET /a")).await;
    let candidate = rules("GET /b");
    script
        .send("putCandidate", &of_policy, candidate.clone())
        .await;
    script.send("promoteCandidate", &of_policy, none()).await;
    let path = format!("/policies/{policy}/candidate");
    assert_eq!(api.send("PUT", &path, candidate).await.status, 201);
    script.send("deleteCandidate", &of_policy, none()).await;
    script.send("deletePolicy", &of_policy, none()).await;
    let composition = json!({"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a"}}}}});
    script.send("putComposition", &of_policy, composition).await;
    script.send("deleteComposition", &of_policy, none()).await;

    let block = [("kind", "key"), ("id", &*chosen)];
    script
        .send("putBlock", &block, json!({"note": "stolen"}))
        .await;
    script.send("deleteBlock", &block, none()).await;
    script.principals
}

#[test]
fn every_write_of_the_description_is_recorded_or_listed_as_unrecorded() {
    let writes = operations().filter(|(method, path, _)| {
        path.starts_with("/_tollgate/v1/") && !matches!(method.as_str(), "GET" | "HEAD")
    });
    let writes: BTreeSet<String> = writes.map(|(_, _, id)| id).collect();

    let recorded = RECORDED.iter().map(|(operation, _)| *operation);
    let known: BTreeSet<String> = recorded.chain(UNRECORDED).map(str::to_owned).collect();
    assert_eq!(writes, known);
    assert_eq!(known.len(), RECORDED.len() + UNRECORDED.len());
}
