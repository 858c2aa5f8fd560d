//! Responses of the authorizer to whole events.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use authorizer::{Authorizer, Config, Failure, http_calls};
use aws::Reach;
use outcome::Reason;
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use store::{EmbeddedStore, Store, StoreConfig};
use telemetry::RecordLog;

fn settings() -> Value {
    let text = include_str!("../../../events/env.json");
    serde_json::from_str::<Value>(text).unwrap()["AuthorizerFunction"].take()
}

fn authorizer_with(change: impl Fn(&mut Value)) -> Authorizer {
    let mut settings = settings();
    change(&mut settings);
    let config =
        Config::from_lookup(move |name| settings[name].as_str().map(str::to_owned)).unwrap();
    let StoreConfig::Embedded(seeds) = &config.store else {
        panic!("the settings have an embedded store")
    };
    let store = EmbeddedStore::new(seeds).unwrap();
    Authorizer::new(config, Arc::new(Store::Embedded(store)), || {
        http_calls(RecordLog::to(std::io::sink()), Reach::Local)
    })
}

fn handle(authorizer: &Authorizer, event: Value) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let response = runtime.block_on(authorizer.handle(&to_raw_value(&event).unwrap()))?;
    Ok(serde_json::from_str(response.get()).unwrap())
}

fn is_unauthorized(result: &Result<Value, Failure>) -> bool {
    matches!(result, Err(Failure::Unauthorized(_)))
}

fn authorizer() -> Authorizer {
    authorizer_with(|_| ())
}

fn event(case: &str) -> Value {
    let path = format!(
        "{}/../../events/authorizer.{case}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn get(path: &str, headers: Value) -> Value {
    let mut event = event("missing-credentials");
    event["pathParameters"]["proxy"] = path.trim_start_matches('/').into();
    event["headers"] = headers;
    event
}

/// Returns `isAuthorized` and the context.
fn respond(authorizer: &Authorizer, event: Value) -> (bool, Value) {
    let mut response = handle(authorizer, event).unwrap();
    (
        response["isAuthorized"].as_bool().unwrap(),
        response["context"].take(),
    )
}

#[test]
fn each_event_has_the_outcome_in_its_name() {
    let allowed = ["allowed", "public", "address", "token", "token-and-key"]
        .map(|case| (case, "ok", "allowed"));
    let forbidden = [
        ("insufficient-scope", "insufficient_scope", "-"),
        ("no-rule", "no_rule", "-"),
        ("malformed-path", "malformed_path", "-"),
        ("ambiguous-path", "ambiguous_path", "-"),
        ("limit-impossible", "limit_impossible", "-"),
    ];
    let authorizer = authorizer();
    for (expected, cases) in [(true, &allowed[..]), (false, &forbidden[..])] {
        for (case, reason, decision) in cases {
            let (authorized, context) = respond(&authorizer, event(case));
            assert_eq!(
                (authorized, &context["reason"], &context["decision"]),
                (expected, &json!(reason), &json!(decision)),
                "{case}"
            );
        }
    }
    for case in [
        "missing-credentials",
        "malformed-credentials",
        "unknown-key",
        "disabled-key",
        "expired-key",
        "invalid-token",
        "token-expired",
        "invalid-signature",
        "invalid-claims",
        "rest-token",
    ] {
        let result = handle(&authorizer, event(case));
        assert!(is_unauthorized(&result), "{case}: {result:?}");
    }
    assert!(matches!(
        handle(&authorizer, event("fault")),
        Err(Failure::Fault(_))
    ));
    for case in ["rest-request", "format-1"] {
        let response = handle(&authorizer, event(case)).unwrap();
        assert_eq!(
            response["policyDocument"]["Statement"][0]["Effect"], "Allow",
            "{case}"
        );
    }
    for (case, reason) in [
        ("throttled", "rate_exceeded"),
        ("quota-exceeded", "quota_exceeded"),
    ] {
        assert_eq!(
            respond(&authorizer, event(case)).1["decision"],
            "allowed",
            "{case}"
        );
        let (authorized, context) = respond(&authorizer, event(case));
        assert_eq!(
            (authorized, &context["reason"], &context["decision"]),
            (true, &json!(reason), &json!("throttled")),
            "{case}"
        );
    }
}

#[test]
fn context_of_an_allowed_request_is_complete() {
    let (_, mut context) = respond(&authorizer(), event("allowed"));
    for volatile in ["authorizer_ms", "ratelimit", "ratelimit_policy"] {
        assert!(context[volatile].take().is_string(), "{volatile}");
    }
    assert_eq!(
        context,
        json!({
            "decision": "allowed", "reason": "ok", "user_id": "alice", "issuer": "-", "email": "-", "roles": "-", "near_limit": "false",
            "over_quota": "false", "key_id": "local-pro", "caller": "key#local-pro", "plan": "pro", "scopes": "admin:read", "auth": "api_key", "route": "GET /orders/{id}",
            "client_ip": "-", "request_id": "JKJaXmPLvHcESHA01=", "authorizer_ms": null, "ratelimit": null, "ratelimit_policy": null,
            "limit": "200", "remaining": "199", "reset": "1",
        })
    );
}

/// A missing or empty value might leave the client's own header in place.
#[test]
fn fields_for_request_mapping_are_never_empty() {
    let authorizer = authorizer();
    for case in [
        "allowed",
        "public",
        "address",
        "throttled",
        "no-rule",
        "malformed-path",
        "limit-impossible",
    ] {
        let (_, context) = respond(&authorizer, event(case));
        for name in [
            "decision",
            "reason",
            "user_id",
            "issuer",
            "email",
            "roles",
            "near_limit",
            "over_quota",
            "key_id",
            "caller",
            "plan",
            "scopes",
            "auth",
            "route",
            "request_id",
            "authorizer_ms",
        ] {
            assert!(
                context[name]
                    .as_str()
                    .is_some_and(|value| !value.is_empty()),
                "{case}: {name}"
            );
        }
    }
}

#[test]
fn fields_for_response_mapping_are_absent_without_a_value() {
    let (_, context) = respond(&authorizer(), event("public"));
    for name in [
        "ratelimit_policy",
        "ratelimit",
        "retry_after",
        "limit",
        "remaining",
        "reset",
    ] {
        assert_eq!(context.get(name), None, "{name}");
    }
    let (_, context) = respond(&authorizer(), event("allowed"));
    assert_eq!(context.get("retry_after"), None);
}

#[test]
fn throttled_request_has_retry_after() {
    let authorizer = authorizer();
    respond(&authorizer, event("throttled"));
    let (_, context) = respond(&authorizer, event("throttled"));
    assert_eq!(context["retry_after"], "1000");
    assert_eq!(context["ratelimit"], r#""burst";r=0;t=1000"#);
    assert_eq!(context["ratelimit_policy"], r#""burst";q=1;w=1000"#);
}

#[test]
fn throttled_request_is_forbidden_with_on_throttle_forbid() {
    let authorizer = authorizer_with(|settings| settings["ON_THROTTLE"] = "forbid".into());
    assert!(respond(&authorizer, event("throttled")).0);
    let (authorized, context) = respond(&authorizer, event("throttled"));
    assert_eq!(
        (authorized, &context["decision"]),
        (false, &json!("throttled"))
    );
}

#[test]
fn bad_credentials_are_403_with_on_bad_credentials_forbid() {
    let authorizer = authorizer_with(|settings| settings["ON_BAD_CREDENTIALS"] = "forbid".into());
    for (headers, reason) in [
        (json!({}), "missing_credentials"),
        (
            json!({"x-api-key": "unknown-key-00000000000001"}),
            "unknown_key",
        ),
        (json!({"authorization": "Bearer a.b.c"}), "invalid_token"),
    ] {
        let (authorized, context) = respond(&authorizer, get("/orders", headers));
        assert_eq!((authorized, &context["reason"]), (false, &json!(reason)));
        assert_eq!(
            (&context["decision"], &context["key_id"]),
            (&json!("-"), &json!("-"))
        );
    }
    assert!(
        respond(
            &authorizer,
            get(
                "/orders",
                json!({"x-api-key": "local-pro-key-0000000000001"})
            )
        )
        .0
    );
}

#[test]
fn two_keys_in_one_request_are_refused() {
    let two = json!({"x-api-key": "local-pro-key-0000000000001,local-pro-key-0000000000001"});
    assert_eq!(
        handle(&authorizer(), get("/orders", two)),
        Err(Failure::Unauthorized(Reason::MalformedCredentials))
    );
}

/// Without issuers no token is valid, and an invalid one must not fall through to the key.
#[test]
fn invalid_token_with_a_valid_key_is_refused_unless_the_rule_is_api_key() {
    let both = json!({"x-api-key": "local-pro-key-0000000000001", "authorization": "Bearer x"});
    assert_eq!(
        handle(&authorizer(), get("/orders", both.clone())),
        Err(Failure::Unauthorized(Reason::InvalidToken))
    );
    assert!(respond(&authorizer(), get("/admin/users", both)).0);
}

#[test]
fn each_address_has_a_separate_limit() {
    let authorizer = authorizer();
    let from = |address: &str| {
        let mut event = event("address");
        event["requestContext"]["http"]["sourceIp"] = address.into();
        respond(&authorizer, event).1["decision"].clone()
    };
    for _ in 0..3 {
        assert_eq!(from("192.0.2.1"), "allowed");
    }
    assert_eq!(
        (from("192.0.2.1"), from("192.0.2.2")),
        (json!("throttled"), json!("allowed"))
    );
}

#[test]
fn invalid_source_address_is_a_fault() {
    let mut event = event("address");
    event["requestContext"]["http"]["sourceIp"] = "somewhere".into();
    assert!(matches!(
        handle(&authorizer(), event),
        Err(Failure::Fault(_))
    ));
}

#[test]
fn body_that_is_no_event_is_a_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let event = event("allowed").to_string();
    let open = &event[..event.len() - 1];
    let deep = format!("{open},\"x\":{}", "[".repeat(100_000));
    let more = format!("{event}{event}");

    let bodies = [
        &b""[..],
        b"null",
        b"\xff",
        b"{\"type\":\"REQUEST\",\"x\":\"\xff\"}",
        open.as_bytes(),
        deep.as_bytes(),
        more.as_bytes(),
    ];
    for body in bodies {
        let result = runtime.block_on(authorizer().respond_to(body));
        assert!(matches!(result, Err(Failure::Fault(_))), "{body:?}");
    }
}

/// Returns an authorizer whose key `local-pro` has these fields, and whose plan `pro` has those.
fn authorizer_of_key(key_fields: Value, plan_fields: Value) -> Authorizer {
    authorizer_with(|settings| {
        let text = settings["EMBEDDED_STORE"].as_str().unwrap();
        let mut seeds: Value = serde_json::from_str(text).unwrap();
        let keys = seeds["keys"].as_array_mut().unwrap();
        let key = keys.iter_mut().find(|key| key["key_id"] == "local-pro");
        let add = |to: &mut Value, fields: &Value| {
            let fields = fields.as_object().unwrap().clone();
            to.as_object_mut().unwrap().extend(fields);
        };
        add(key.unwrap(), &key_fields);
        add(&mut seeds["plans"]["pro"], &plan_fields);
        settings["EMBEDDED_STORE"] = seeds.to_string().into();
        settings["ON_BAD_CREDENTIALS"] = "forbid".into();
    })
}

fn outcome_from(authorizer: &Authorizer, address: Value) -> (bool, Value, Value) {
    let mut event = event("allowed");
    event["requestContext"]["http"]["sourceIp"] = address;
    let (authorized, context) = respond(authorizer, event);
    (
        authorized,
        context["reason"].clone(),
        context["key_id"].clone(),
    )
}

#[test]
fn key_with_networks_is_refused_elsewhere_and_without_a_source_address() {
    let networks = json!({"allowed_ips": ["192.0.2.0/24", "2001:db8::/32"]});
    let authorizer = authorizer_of_key(networks, json!({}));
    let outcome = |address: Value| outcome_from(&authorizer, address);
    for address in ["192.0.2.10", "::ffff:192.0.2.10", "2001:db8::1"] {
        assert!(outcome(address.into()).0, "{address}");
    }
    for address in [
        json!("198.51.100.1"),
        json!("2001:db9::1"),
        json!("somewhere"),
        json!(null),
    ] {
        let refused = (false, json!("address_not_allowed"), json!("local-pro"));
        assert_eq!(outcome(address.clone()), refused, "{address}");
    }
}

#[test]
fn key_is_unauthorized_before_its_time() {
    for (not_before, expected) in [
        ("2999-01-01T00:00:00Z", (false, "key_not_yet_valid")),
        ("2001-01-01T00:00:00Z", (true, "ok")),
    ] {
        let authorizer = authorizer_of_key(json!({"not_before": not_before}), json!({}));
        let (authorized, reason, _) = outcome_from(&authorizer, json!("192.0.2.10"));
        assert_eq!((authorized, reason.as_str().unwrap()), expected);
    }
}

#[test]
fn keys_of_a_group_are_charged_together_and_keep_their_ids() {
    let authorizer = authorizer_with(|settings| {
        let text = settings["EMBEDDED_STORE"].as_str().unwrap();
        let mut seeds: Value = serde_json::from_str(text).unwrap();
        let keys = seeds["keys"].as_array_mut().unwrap();
        for id in ["first", "second"] {
            keys.push(json!({"key": format!("the-{id}-key-of-a-group"), "key_id": id, "plan": "free", "group": "acme"}));
        }
        settings["EMBEDDED_STORE"] = seeds.to_string().into();
    });
    let call = |id: &str| {
        let key = json!({"x-api-key": format!("the-{id}-key-of-a-group")});
        let (_, context) = respond(&authorizer, get("/orders/7", key));
        assert_eq!(context["key_id"], id);
        context["remaining"].clone()
    };
    assert_eq!(
        [call("first"), call("second"), call("first")],
        ["4", "3", "2"]
    );
}

#[test]
fn callers_of_a_disabled_plan_are_forbidden() {
    let authorizer = authorizer_of_key(json!({}), json!({"enabled": false}));
    let refused = (false, json!("plan_disabled"), json!("local-pro"));
    assert_eq!(outcome_from(&authorizer, json!("192.0.2.10")), refused);

    let mut usage = event("allowed");
    usage["rawPath"] = "/_tollgate/usage".into();
    usage["pathParameters"]["proxy"] = "_tollgate/usage".into();
    usage["requestContext"]["http"]["path"] = "/_tollgate/usage".into();
    assert!(!respond(&authorizer, usage).0);
}

#[test]
fn unknown_plan_is_forbidden() {
    let authorizer = authorizer_with(|settings| {
        let policy = settings["AUTH_POLICY"]
            .as_str()
            .unwrap()
            .replace("\"anonymous\"", "\"missing\"");
        settings["AUTH_POLICY"] = policy.into();
    });
    let (authorized, context) = respond(&authorizer, event("address"));
    assert_eq!(
        (authorized, &context["reason"]),
        (false, &json!("unknown_plan"))
    );
}

#[test]
fn route_limit_of_a_plan_is_charged_and_named() {
    let authorizer = authorizer_with(|settings| {
        let seeds = settings["EMBEDDED_STORE"].as_str().unwrap();
        let seeds = seeds.replacen(
            "\"pro\":{",
            "\"pro\":{\"routes\":{\"GET /orders\":{\"rate\":0.01,\"burst\":1}},",
            1,
        );
        settings["EMBEDDED_STORE"] = seeds.into();
    });
    let call = |path: &str| {
        respond(
            &authorizer,
            get(path, json!({"x-api-key": "local-pro-key-0000000000001"})),
        )
        .1
    };
    assert_eq!(call("/orders")["route"], "GET /orders");
    let second = call("/orders");
    assert_eq!(
        (&second["decision"], &second["retry_after"]),
        (&json!("throttled"), &json!("100"))
    );
    assert!(
        second["ratelimit"]
            .as_str()
            .unwrap()
            .contains(r#""GET /orders";r=0;t=100"#)
    );
    assert_eq!(call("/orders/7")["decision"], "allowed");
}

/// A query for the caller's own usage, through the route of the limiter.
fn usage_query(key: &str) -> Value {
    let mut event = get("/", json!({"x-api-key": key}));
    event["routeKey"] = "GET /_tollgate/usage".into();
    event["pathParameters"] = Value::Null;
    event["requestContext"]["http"]["method"] = "GET".into();
    event
}

#[test]
fn usage_query_has_a_separate_bucket() {
    let authorizer = authorizer_with(|settings| {
        let seeds = r#"{"plans":{"p":{"quotas":[{"limit":1,"period":"month"}]}},"keys":[{"key":"a-key-of-a-tiny-plan-0000001","key_id":"k","plan":"p"}]}"#;
        settings["EMBEDDED_STORE"] = seeds.into();
        settings["AUTH_POLICY"] =
            r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any","cost":7},{"match":"GET /orders","auth":"any"}]}"#
                .into();
    });
    let key = "a-key-of-a-tiny-plan-0000001";
    let decision = |event: Value| respond(&authorizer, event).1["decision"].clone();
    assert_eq!(
        [(); 2].map(|()| decision(get("/orders", json!({"x-api-key": key})))),
        ["allowed", "throttled"]
    );
    assert_eq!([(); 5].map(|()| decision(usage_query(key))), ["allowed"; 5]);

    let (authorized, context) = respond(&authorizer, usage_query(key));
    assert_eq!(
        (authorized, &context["decision"], &context["reason"]),
        (true, &json!("throttled"), &json!("rate_exceeded"))
    );
    assert_eq!(
        (&context["route"], &context["retry_after"]),
        (&json!("GET /_tollgate/usage"), &json!("1"))
    );
    assert_eq!(
        context["ratelimit_policy"],
        r#""GET /_tollgate/usage";q=5;w=5"#
    );

    // With another route, the same path may reach a backend.
    assert_eq!(
        respond(
            &authorizer,
            get("/_tollgate/usage", json!({"x-api-key": key}))
        )
        .1["reason"],
        "limit_impossible"
    );
}

const GROUPED: &str = "a-key-of-a-group-0000000001";

/// An authorizer with one key, which is in a group, on a plan.
fn authorizer_with_group(plan: &Value) -> Authorizer {
    let seeds = json!({"plans": {"p": plan},
        "keys": [{"key": GROUPED, "key_id": "k", "plan": "p", "group": "acme"}]});
    authorizer_with(move |settings| {
        settings["EMBEDDED_STORE"] = seeds.to_string().into();
        settings["AUTH_POLICY"] = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#.into();
    })
}

#[test]
fn usage_query_names_the_group_of_the_key() {
    for plan in [json!({}), json!({"shared_by_plan": true})] {
        let authorizer = authorizer_with_group(&plan);
        let (_, context) = respond(&authorizer, usage_query(GROUPED));
        assert_eq!(
            (&context["decision"], &context["caller"], &context["key_id"]),
            (&json!("allowed"), &json!("group#acme"), &json!("k")),
            "{plan}"
        );
    }
}

#[test]
fn usage_query_is_throttled_with_the_rate_of_the_group() {
    let authorizer = authorizer_with_group(&json!({"throttle": {"rate": 0.001, "burst": 1}}));
    let call = get("/orders", json!({"x-api-key": GROUPED}));
    assert_eq!(respond(&authorizer, call).1["decision"], "allowed");

    let (_, context) = respond(&authorizer, usage_query(GROUPED));
    assert_eq!(
        (&context["decision"], &context["reason"]),
        (&json!("throttled"), &json!("rate_exceeded"))
    );
}

/// An authorizer with this policy and the keys of the events.
fn authorizer_with_policy(policy: Value) -> Authorizer {
    authorizer_with(move |settings| settings["AUTH_POLICY"] = policy.to_string().into())
}

/// The reason for a caller whose key has no scope.
fn reason(authorizer: &Authorizer, method: &str, path: &str) -> String {
    let mut event = get(path, json!({"x-api-key": "local-free-key-000000000001"}));
    event["requestContext"]["http"]["method"] = method.into();
    match handle(authorizer, event) {
        Ok(mut response) => response["context"]["reason"]
            .take()
            .as_str()
            .unwrap()
            .to_owned(),
        Err(failure) => failure.to_string(),
    }
}

/// The rules of docs/reference/policy.md, for a backend that ignores case, as Express does.
fn documented_rules() -> Value {
    json!([
        {"match": "ANY /admin/{proxy+}", "auth": "api_key", "scopes": ["admin:read"]},
        {"match": "GET /reports/{id}", "auth": "any", "cost": 2},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ])
}

#[test]
fn path_spelling_does_not_bypass_a_rule() {
    let authorizer = authorizer_with_policy(json!({"rules": documented_rules()}));
    for path in ["/admin/users", "/admin", "/admin/", "/admin/USERS"] {
        assert_eq!(
            reason(&authorizer, "GET", path),
            "insufficient_scope",
            "{path}"
        );
    }
    for path in [
        "/ADMIN/users",
        "/Admin",
        "/admin./users",
        "/admin /users",
        "/ａdmin/users",
        "/admin／users",
        "/adm\u{131}n/users",
        "/reports/7/",
        "/REPORTS/7",
    ] {
        assert_eq!(reason(&authorizer, "GET", path), "ambiguous_path", "{path}");
    }
    for path in ["/orders", "/Orders/7/"] {
        assert_eq!(reason(&authorizer, "GET", path), "ok", "{path}");
    }
}

#[test]
fn policy_can_ignore_case_and_trailing_slashes() {
    let paths = json!({"case": "insensitive", "trailing_slash": "ignored"});
    let authorizer = authorizer_with_policy(json!({"paths": paths, "rules": documented_rules()}));
    for path in ["/ADMIN/users", "/Admin/", "/admin"] {
        assert_eq!(
            reason(&authorizer, "GET", path),
            "insufficient_scope",
            "{path}"
        );
    }
    assert_eq!(reason(&authorizer, "GET", "/REPORTS/7/"), "ok");
    assert_eq!(
        reason(&authorizer, "GET", "/admin./users"),
        "ambiguous_path"
    );
}

#[test]
fn path_spelling_does_not_bypass_a_route_limit() {
    let with = |paths: Value| {
        authorizer_with(move |settings| {
            let policy =
                json!({"paths": paths, "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
            settings["AUTH_POLICY"] = policy.to_string().into();
            let seeds = settings["EMBEDDED_STORE"].as_str().unwrap();
            let seeds = seeds.replacen(
                "\"free\":{",
                "\"free\":{\"routes\":{\"POST /pay\":{\"rate\":0.01,\"burst\":1}},",
                1,
            );
            settings["EMBEDDED_STORE"] = seeds.into();
        })
    };
    let distinct = with(json!({}));
    assert_eq!(reason(&distinct, "POST", "/Pay"), "ambiguous_path");
    assert_eq!(reason(&distinct, "POST", "/pay"), "ok");
    assert_eq!(reason(&distinct, "POST", "/pay"), "rate_exceeded");
    assert_eq!(reason(&distinct, "GET", "/Pay"), "ok");
    let insensitive = with(json!({"case": "insensitive"}));
    assert_eq!(reason(&insensitive, "POST", "/PAY"), "ok");
    assert_eq!(reason(&insensitive, "POST", "/pay"), "rate_exceeded");
}

#[test]
fn unusual_method_is_refused_by_every_rule() {
    let rules = json!([
        {"match": "DELETE /reports/{id}", "auth": "any", "scopes": ["admin:read"]},
        {"match": "ANY /{proxy+}", "auth": "none"},
    ]);
    let authorizer = authorizer_with_policy(json!({"rules": rules}));
    assert_eq!(
        reason(&authorizer, "DELETE", "/reports/7"),
        "insufficient_scope"
    );
    for method in ["delete", "Delete", "dELETE", "PROPFIND", "TRACE", "DELETE "] {
        assert_eq!(
            reason(&authorizer, method, "/reports/7"),
            "unusual_method",
            "{method}"
        );
    }
    assert_eq!(reason(&authorizer, "OPTIONS", "/reports/7"), "ok");
}

#[test]
fn backend_header_is_refused_unless_mapping_overwrites_it() {
    let authorizer = authorizer();
    let response_to = |name: &str| {
        respond(
            &authorizer,
            get(
                "/orders",
                json!({"x-api-key": "local-pro-key-0000000000001", name: "forged"}),
            ),
        )
    };
    for name in [
        "x-tollgate-tenant",
        "X-Tollgate-Role",
        "x_tollgate_user_id",
        "x.tollgate.plan",
        "x-tollgate-user-ids",
    ] {
        let (authorized, context) = response_to(name);
        assert_eq!(
            (authorized, &context["reason"]),
            (false, &json!("forbidden_header")),
            "{name}"
        );
    }
    for name in ["x-tollgate-user-id", "x-tollgate", "x-toll-gate-user"] {
        assert!(response_to(name).0, "{name}");
    }
}

#[test]
fn errors_serialize_as_api_gateway_expects() {
    let diagnostic = lambda_runtime::Diagnostic::from(Failure::Unauthorized(Reason::UnknownKey));
    assert_eq!(
        serde_json::to_value(diagnostic).unwrap(),
        json!({"errorType": "Unauthorized", "errorMessage": "Unauthorized"})
    );
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(
                "version|type|headers|routeKey|requestContext|http|x-api-key|.*",
                inner,
                0..4
            )
            .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    /// A field of a valid event, replaced or removed.
    #[test]
    fn arbitrary_event_neither_panics_nor_is_allowed(
        place in proptest::sample::select(vec![
            "/version", "/type", "/routeKey", "/headers", "/pathParameters", "/pathParameters/proxy", "/requestContext",
            "/requestContext/http", "/requestContext/http/method", "/requestContext/http/sourceIp", "/requestContext/requestId",
        ]),
        value in proptest::option::of(arbitrary_json()),
    ) {
        let mut event = event("unknown-key");
        let (parent, member) = place.rsplit_once('/').unwrap();
        let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(member.to_owned(), value)),
            None => drop(parent.remove(member)),
        }
        if let Ok(response) = handle(&authorizer(), event) {
            prop_assert_eq!(&response["isAuthorized"], &json!(false));
        }
    }

    #[test]
    fn arbitrary_header_neither_panics_nor_is_allowed(key in any::<String>(), token in proptest::option::of(any::<String>())) {
        let headers = json!({"x-api-key": key, "authorization": token});
        prop_assert!(is_unauthorized(&handle(&authorizer(), get("/orders", headers))));
    }

    #[test]
    fn arbitrary_token_neither_panics_nor_is_allowed_in_any_place(token in any::<String>(), cookie in any::<String>()) {
        let authorizer = authorizer_with(|settings| {
            let mut policy: Value = serde_json::from_str(settings["AUTH_POLICY"].as_str().unwrap()).unwrap();
            policy["token"] = json!({"scheme": "none", "cookie": "s"});
            policy["api_keys"] = json!({"bearer": true});
            settings["AUTH_POLICY"] = policy.to_string().into();
        });
        let with_cookie = |list: Value| {
            let mut event = get("/orders", json!({"cookie": cookie}));
            event["cookies"] = list;
            event
        };
        for event in [
            get("/orders", json!({"authorization": token})),
            get("/orders", json!({"authorization": format!("Bearer {token}")})),
            with_cookie(json!([cookie])),
            with_cookie(json!([format!("s={cookie}")])),
        ] {
            prop_assert!(is_unauthorized(&handle(&authorizer, event)));
        }
    }
}
