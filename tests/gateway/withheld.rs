//! Headers that no backend receives: the caller's key, and headers that replace the method or the
//! path of a request.

use http::StatusCode;
use sam_template::{Fields, Node};
use serde_json::json;
use tests::{Backend, Gateway, PRO, Setup};

/// Rules apply to the method and the path of the request line; some backends prefer these headers.
const OVERRIDES: [&str; 5] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// The values that the template's parameter `KeyHeader` allows.
fn key_headers() -> Vec<String> {
    let text = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let mut template = Fields::of(Node::parse(&text).unwrap(), "template").unwrap();
    let mut parameters = Fields::of(template.require("Parameters").unwrap(), "Parameters").unwrap();
    let mut parameter = Fields::of(parameters.require("KeyHeader").unwrap(), "KeyHeader").unwrap();
    let values = parameter
        .require("AllowedValues")
        .unwrap()
        .into_list("AllowedValues")
        .unwrap();
    values
        .into_iter()
        .map(|value| value.into_text("a value").unwrap().0)
        .collect()
}

/// A request for each way to the backend: with the authorizer, without it, and preflights.
const WAYS: [(&str, &str); 5] = [
    ("POST", "/orders/7"),
    ("GET", "/"),
    ("GET", "/health"),
    ("OPTIONS", "/orders/7"),
    ("OPTIONS", "/"),
];

#[tokio::test]
async fn no_backend_receives_a_header_that_replaces_the_method_or_the_path() {
    for vpc_link in ["true", "false"] {
        let backend = Backend::empty().await;
        let gateway = Setup::default()
            .parameter("CreateVpcLink", vpc_link)
            .backend(backend.address)
            .start()
            .await;
        for (method, path) in WAYS {
            let mut call = gateway.call(method, path).header("x-api-key", PRO);
            for name in OVERRIDES {
                call = call
                    .header(name, "DELETE")
                    .header(&name.to_uppercase(), "/admin");
            }
            assert_eq!(call.send().await.status, StatusCode::OK, "{method} {path}");
        }
        assert_eq!(backend.seen().len(), WAYS.len());
        for seen in backend.seen() {
            let passed: Vec<_> = OVERRIDES
                .into_iter()
                .filter(|name| seen.headers.contains_key(*name))
                .collect();
            assert!(
                passed.is_empty(),
                "{} {}: {passed:?}",
                seen.method,
                seen.target
            );
        }
    }
}

#[tokio::test]
async fn a_preflight_of_the_root_carries_no_identity() {
    let backend = Backend::empty().await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let call = gateway
        .call("OPTIONS", "/")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("x-tollgate-user-id", "mallory");
    assert_eq!(call.send().await.status, StatusCode::OK);
    let seen = backend.seen().remove(0);
    assert!(
        !seen
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("x-tollgate-") && name != "x-tollgate-origin"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn the_key_reaches_no_backend_in_any_header_that_may_carry_it() {
    let key_headers = key_headers();
    assert_eq!(
        key_headers,
        ["x-api-key", "api-key", "apikey", "x-apikey", "x-access-key"]
    );
    for key_header in &key_headers {
        let backend = Backend::empty().await;
        let gateway = Setup::default()
            .parameter("KeyHeader", key_header)
            .backend(backend.address)
            .start()
            .await;
        for (method, path) in WAYS {
            let call = gateway
                .call(method, path)
                .header(key_header, PRO)
                .header(&key_header.to_uppercase(), PRO);
            // The header is repeated on public routes only: two keys are refused.
            let call = if matches!((method, path), ("POST", _) | ("GET", "/")) {
                gateway.call(method, path).header(key_header, PRO)
            } else {
                call
            };
            assert_eq!(
                call.send().await.status,
                StatusCode::OK,
                "{key_header}: {method} {path}"
            );
        }
        assert_eq!(backend.seen().len(), WAYS.len());
        for seen in backend.seen() {
            assert!(
                !format!("{:?}", seen.headers).contains(PRO),
                "{key_header}: {seen:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_other_key_headers_are_the_clients_own() {
    let key_headers = key_headers();
    for key_header in &key_headers {
        let gateway = Setup::default()
            .parameter("KeyHeader", key_header)
            .start()
            .await;
        for other in key_headers.iter().filter(|other| *other != key_header) {
            let ignored = gateway
                .call("GET", "/orders")
                .header(other, PRO)
                .send()
                .await;
            assert_eq!(
                ignored.status,
                StatusCode::UNAUTHORIZED,
                "{key_header}: {other}"
            );
            let passed = gateway
                .call("GET", "/orders")
                .header(key_header, PRO)
                .header(other, "mine")
                .send()
                .await;
            assert_eq!(
                passed.echoed(other).as_deref(),
                Some("mine"),
                "{key_header}: {other}"
            );
        }
    }
}

async fn put_policy(gateway: &Gateway, key_header: &str) -> StatusCode {
    let policy = json!({"api_keys": {"header": key_header}, "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
    let call = gateway
        .call("PUT", "/_tollgate/v1/policies/main")
        .header("content-type", "application/json");
    let answer = call.body(policy.to_string()).send().await;
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
        assert_eq!(answer.json()["errors"][0]["pointer"], "/api_keys/header");
    }
    answer.status
}

#[tokio::test]
async fn a_policy_that_names_another_key_header_is_refused_by_the_limiter() {
    let gateway = Setup::default()
        .parameter("KeyHeader", "apikey")
        .start()
        .await;
    assert_eq!(put_policy(&gateway, "ApiKey").await, StatusCode::CREATED);
    for other in ["x-api-key", "x-my-key"] {
        assert_eq!(
            put_policy(&gateway, other).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_names_another_key_header_aborts_startup() {
    let policy =
        r#"{"api_keys":{"header":"x-my-key"},"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#;
    let expected =
        " api_keys.header: unexpected header `x-my-key`, expected `x-api-key` (KEY_HEADER)";
    for setup in [
        Setup::default().policy(policy),
        Setup::default().parameter("AuthPolicy", policy),
    ] {
        let error = setup.try_start().await.err().expect("an error").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_template_whose_integrations_keep_the_key_header_aborts_startup() {
    let template = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let removal =
        "        remove:header.x-api-key: !If [KeyInXApiKey, \"''\", !Ref AWS::NoValue]\n";
    assert_eq!(template.matches(removal).count(), 2, "one per integration");
    for (index, (at, _)) in template.match_indices(removal).enumerate() {
        let mut kept = template.clone();
        kept.replace_range(at..at + removal.len(), "");
        let error = Setup::default()
            .replace(&template, &kept)
            .try_start()
            .await
            .err()
            .expect("an error")
            .to_string();
        assert!(
            error.contains("KEY_HEADER is `x-api-key`, but the integration of route"),
            "{index}: {error}"
        );
    }
}
