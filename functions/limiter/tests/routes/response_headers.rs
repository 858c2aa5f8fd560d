//! The headers of every response: the id of the request, security headers and rate limits.

use outcome::RateLimitHeaders;
use serde_json::{Value, json};

use crate::support::{Api, Call, Response};

const DRAFT10: [&str; 2] = ["ratelimit-policy", "ratelimit"];
const X_RATE_LIMIT: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

fn usage_query(api: &Api) -> Call<'_> {
    let context = json!({"lambda": {
        "auth": "api_key", "caller": "key#seeded", "key_id": "seeded", "plan": "free", "decision": "allowed",
        "ratelimit_policy": "\"burst\";q=5;w=5", "ratelimit": "\"burst\";r=4;t=1",
        "limit": "5", "remaining": "4", "reset": "1",
    }});
    api.call_as("GET", "/_tollgate/usage", context)
}

fn assert_secured(response: &Response) {
    let names = [
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "x-request-id",
    ];
    let expected = ["max-age=31536000", "nosniff", "DENY", "JKJaXmPLvHcESHA="].map(Some);
    assert_eq!(
        names.map(|name| response.header(name)),
        expected,
        "{response:?}"
    );
}

fn limits<const N: usize>(response: &Response, names: [&str; N]) -> Vec<String> {
    let values = names.into_iter().filter_map(|name| response.header(name));
    values.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_response_has_security_headers_and_the_request_id() {
    let api = Api::embedded();
    let requests = [
        (api.call("GET", "/plans"), 200),
        (api.call("GET", "/plans/missing"), 404),
        (api.call("DELETE", "/keys"), 405),
        (api.call("GET", "/plans").header("x-a", "a\nb"), 400),
        (api.call_as("GET", "/_tollgate/v1/plans", Value::Null), 403),
        (api.call_as("GET", "/_tollgate/account", Value::Null), 200),
    ];
    for (request, status) in requests {
        let response = request.send().await;
        assert_eq!(response.status, status, "{response:?}");
        assert_secured(&response);
        assert!(limits(&response, DRAFT10).is_empty(), "{response:?}");
    }
}

#[tokio::test]
async fn request_id_of_the_client_is_not_returned() {
    let api = Api::embedded();
    let request = api.call("GET", "/plans").header("x-request-id", "chosen");
    assert_secured(&request.send().await);
}

#[tokio::test]
async fn usage_query_has_rate_limit_headers_in_the_configured_format() {
    let draft10 = vec![
        "\"burst\";q=5;w=5".to_owned(),
        "\"burst\";r=4;t=1".to_owned(),
    ];
    let x_rate_limit = ["5", "4", "1"].map(str::to_owned).to_vec();
    for (format, expected) in [
        (RateLimitHeaders::Draft10, (draft10, vec![])),
        (RateLimitHeaders::XRateLimit, (vec![], x_rate_limit)),
        (RateLimitHeaders::None, (vec![], vec![])),
    ] {
        let api = Api::embedded().with_rate_limit_headers(format);
        let response = usage_query(&api).send().await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(
            (limits(&response, DRAFT10), limits(&response, X_RATE_LIMIT)),
            expected,
            "{format:?}"
        );
    }
}

#[tokio::test]
async fn throttled_usage_query_has_rate_limit_headers_and_retry_after() {
    let api = Api::embedded();
    let mut context =
        json!({"lambda": {"decision": "throttled", "reason": "rate_exceeded", "retry_after": "7"}});
    context["lambda"]["ratelimit"] = "\"burst\";r=0;t=7".into();
    let response = api.call_as("GET", "/_tollgate/usage", context).send().await;

    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), Some("7"));
    assert_eq!(response.header("ratelimit"), Some("\"burst\";r=0;t=7"));
    assert_secured(&response);
}

#[tokio::test]
async fn invalid_value_of_the_context_sets_no_header() {
    let api = Api::embedded();
    let context = json!({"lambda": {"decision": "unavailable", "ratelimit": "a\nb"}});
    let response = api.call_as("GET", "/_tollgate/usage", context).send().await;

    assert_eq!(response.status, 503);
    assert_eq!(response.header("ratelimit"), None);
}
