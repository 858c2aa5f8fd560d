//! The route `$default` and stages with a name: the rule is that of the path that the backend
//! receives.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use testing::authorizer::{TestAuthorizer, authorizer};
use testing::tokens::noon;

/// Paths below `/public` and `/prod` are public, so that a stage in the path would open others.
static AUTHORIZER: LazyLock<TestAuthorizer> = LazyLock::new(|| {
    authorizer(&json!({"rules": [
        {"match": "ANY /public/{proxy+}", "auth": "none"},
        {"match": "ANY /prod/{proxy+}", "auth": "none"},
        {"match": "ANY /admin/{proxy+}", "auth": "api_key", "scopes": ["admin:read"]},
        {"match": "ANY /{proxy+}", "auth": "api_key"},
    ]}))
});

fn event(stage: &str, sent: &str, arn_path: &str) -> Value {
    let text = include_str!("../../../events/authorizer.missing-credentials.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["routeKey"] = "$default".into();
    event["pathParameters"] = Value::Null;
    event["rawPath"] = sent.into();
    event["routeArn"] =
        format!("arn:aws:execute-api:eu-central-1:123456789012:abc/{stage}/GET{arn_path}").into();
    event["requestContext"]["routeKey"] = "$default".into();
    event["requestContext"]["stage"] = stage.into();
    event["requestContext"]["http"]["path"] = sent.into();
    event
}

/// Returns the event of a request whose backend receives `path`.
fn on_default(stage: &str, path: &str) -> Value {
    match stage {
        "$default" => event(stage, path, path),
        _ => event(stage, &format!("/{stage}{path}"), path),
    }
}

/// Returns the same request on a route with a greedy path variable.
fn on_greedy(path: &str) -> Value {
    let mut event = on_default("$default", path);
    event["routeKey"] = "ANY /{proxy+}".into();
    event["pathParameters"] = json!({"proxy": path.trim_start_matches('/')});
    event
}

/// Returns the same request in format 1.0.
fn as_format_1(event: &Value) -> Value {
    json!({
        "version": "1.0", "type": "REQUEST", "methodArn": event["routeArn"], "resource": "$default",
        "path": event["rawPath"], "httpMethod": "GET", "headers": event["headers"],
        "requestContext": {"stage": event["requestContext"]["stage"], "identity": {"sourceIp": "192.0.2.1"}},
    })
}

/// Returns `ok`, or the reason of the refusal.
fn outcome(event: &Value) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match runtime.block_on(AUTHORIZER.at(noon()).handle(&to_raw_value(event).unwrap())) {
        Ok(response) => {
            let response: Value = serde_json::from_str(response.get()).unwrap();
            response["context"]["reason"].as_str().unwrap().to_owned()
        }
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn rule_is_that_of_the_path_without_the_stage() {
    for stage in ["$default", "prod", "public", "admin"] {
        for (path, expected) in [
            ("/public/x", "ok"),
            ("/prod/x", "ok"),
            ("/orders", "Unauthorized"),
            ("/admin/users", "Unauthorized"),
            ("/", "no_rule"),
            ("/PUBLIC/../admin", "malformed_path"),
            ("//public/x", "malformed_path"),
        ] {
            let event = on_default(stage, path);
            assert_eq!(outcome(&event), expected, "{stage} {path}");
            assert_eq!(
                outcome(&as_format_1(&event)),
                expected,
                "{stage} {path}, 1.0"
            );
        }
    }
}

#[test]
fn stage_in_the_path_does_not_open_another_path() {
    for (stage, sent, arn_path) in [
        // The path of the event lacks the stage, or has it twice.
        ("public", "/public/orders", "/public/orders"),
        ("prod", "/public/orders", "/public/orders"),
        ("prod", "/prod/public/x", "/prod/public/x"),
        ("prod", "/prod/public/x", "/orders"),
        ("prod", "/prodpublic/x", "public/x"),
        // The path of the event has the key of an API mapping.
        ("$default", "/public/orders", "/orders"),
    ] {
        let event = event(stage, sent, arn_path);
        assert_eq!(outcome(&event), "malformed_path", "{stage} {sent}");
        assert_eq!(
            outcome(&as_format_1(&event)),
            "malformed_path",
            "{stage} {sent}"
        );
    }
}

proptest! {
    /// The decision is that of a route with a greedy path variable, for every path and stage.
    #[test]
    fn decision_is_the_same_as_on_a_greedy_route(
        stage in prop::sample::select(vec!["$default", "prod", "public", "v1"]),
        path in "/(public|prod|admin|v1|PUBLIC|a|\\.|\\.\\.|%2f|;| |/){1,6}",
    ) {
        let event = on_default(stage, &path);
        let expected = outcome(&on_greedy(&path));
        // A path variable has no slash at its beginning.
        prop_assume!(!path.starts_with("//"));
        prop_assert_eq!(outcome(&event), expected.clone(), "{}", &path);
        prop_assert_eq!(outcome(&as_format_1(&event)), expected, "{}", &path);
    }

    /// Without credentials, an event whose fields differ is allowed only on a public path of which
    /// both fields are sure.
    #[test]
    fn conflicting_fields_open_no_path(
        stage in prop::sample::select(vec!["$default", "prod", "public", "v1"]),
        sent in "/?(public|prod|v1|x|/){0,5}", arn_path in "/?(public|prod|v1|x|/){0,5}",
    ) {
        let event = event(stage, &sent, &arn_path);
        if outcome(&event) == "ok" {
            let prefix = if stage == "$default" { String::new() } else { format!("/{stage}") };
            let whole = [prefix, arn_path.clone()].concat();
            prop_assert_eq!(sent, whole);
            let is_public = arn_path.starts_with("/public/") || arn_path.starts_with("/prod/");
            prop_assert!(is_public, "{}", arn_path);
        }
    }
}
