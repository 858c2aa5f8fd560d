//! Unusual and invalid events. None causes a panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::Api;

/// Places in an event from API Gateway.
const PLACES: [&str; 24] = [
    "/version",
    "/routeKey",
    "/rawPath",
    "/path",
    "/rawQueryString",
    "/queryStringParameters",
    "/pathParameters",
    "/stageVariables",
    "/cookies",
    "/headers",
    "/headers/host",
    "/headers/x-forwarded-proto",
    "/headers/x-forwarded-port",
    "/headers/content-type",
    "/body",
    "/isBase64Encoded",
    "/requestContext",
    "/requestContext/stage",
    "/requestContext/requestId",
    "/requestContext/domainName",
    "/requestContext/authorizer",
    "/requestContext/authorizer/iam",
    "/requestContext/http",
    "/requestContext/http/method",
];

fn event() -> Value {
    serde_json::from_str(include_str!("../../../../events/limiter.list-plans.json")).unwrap()
}

fn changed(place: &str, value: Option<Value>) -> Value {
    let mut event = event();
    let (parent, field) = place.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();

    match value {
        Some(value) => drop(parent.insert(field.to_owned(), value)),
        None => drop(parent.remove(field)),
    }
    event
}

/// Returns the status, or `None` if the event is not a request. `limiter::handle_event` would hide a
/// panic.
fn status(event: Value) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let response = runtime
        .block_on(Api::embedded().limiter.handle(event))
        .ok()?;
    Some(response["statusCode"].as_u64().unwrap())
}

#[test]
fn unusual_hosts_queries_bodies_and_paths_are_handled() {
    for (place, value, expected) in [
        ("/headers/host", json!("api.example.com:99999"), 200),
        ("/headers/host", json!("1.2.3.4.5"), 200),
        ("/headers/host", json!("xn--a"), 200),
        ("/headers/host", json!("a b\\@c"), 200),
        ("/headers/Host", json!(""), 200),
        ("/headers/x-forwarded-proto", json!(""), 200),
        ("/headers/x-forwarded-proto", json!("https,http"), 200),
        ("/requestContext/domainName", json!(":99999"), 200),
        ("/requestContext/stage", json!("a b#?\\:99999"), 200),
        ("/rawQueryString", json!("limit=5 "), 400),
        ("/rawQueryString", json!("limit=\"5\""), 400),
        ("/rawQueryString", json!("limit=<5>"), 400),
        ("/rawQueryString", json!("limit=5\n"), 400),
        ("/rawQueryString", json!("limit=%"), 400),
        ("/rawQueryString", json!("limit=5#&limit=6"), 400),
        ("/rawQueryString", json!("x".repeat(70_000)), 400),
        (
            "/rawPath",
            json!(format!("/_tollgate/v1/plans/{}", "a".repeat(70_000))),
            400,
        ),
        ("/rawPath", json!(":99999"), 404),
        ("/rawPath", json!("//:99999/_tollgate/v1/plans"), 404),
        ("/headers/x-a", json!("a\u{0}b"), 400),
        ("/headers/\u{e9} ", json!("b"), 400),
        ("/requestContext/http/method", json!("GE T"), 400),
        ("/requestContext/http/method", json!("BREW"), 405),
    ] {
        assert_eq!(
            status(changed(place, Some(value.clone()))),
            Some(expected),
            "{place} {value}"
        );
    }
    let mut encoded = changed("/isBase64Encoded", Some(json!(true)));
    encoded["body"] = "!!!".into();

    assert_eq!(status(encoded), Some(400));
}

#[tokio::test]
async fn malformed_request_gets_every_mistake_in_a_problem_document() {
    let api = Api::embedded();
    let call = api
        .call("GE T", "/plans")
        .header("x-a", "a\nb")
        .header("x-b", "a\u{7f}b");
    let response = call.send().await;

    assert_eq!(
        (response.status, response.header("content-type")),
        (400, Some("application/problem+json"))
    );
    assert_eq!(response.mistakes(), ["method", "x-a", "x-b"]);
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z:/?#\\[\\]@%. \"<>]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("host|method|http|stage|iam|lambda|.*", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

#[test]
fn list_instead_of_an_object_is_not_an_administrator() {
    for (place, list) in [
        ("/requestContext/authorizer", json!([{}, null, {}])),
        (
            "/requestContext/authorizer",
            json!([null, null, {"userArn": "arn:aws:iam::1:user/a"}]),
        ),
        ("/requestContext/authorizer", json!({"iam": []})),
        (
            "/requestContext",
            json!([null, null, null, null, {"iam": {}}]),
        ),
    ] {
        assert_eq!(
            status(changed(place, Some(list.clone()))),
            None,
            "{place} {list}"
        );
    }
}

proptest! {
    /// One field of a valid event is replaced or removed.
    #[test]
    fn no_event_causes_a_panic(
        place in proptest::sample::select(&PLACES[..]), value in proptest::option::of(arbitrary_json()),
    ) {
        if let Some(status) = status(changed(place, value)) {
            prop_assert!((200..500).contains(&status), "{place}: {status}");
        }
    }

    /// Several texts of the client are unusual.
    #[test]
    fn no_request_causes_a_panic(
        path in any::<String>(), query in any::<String>(), host in any::<String>(), scheme in any::<String>(),
        body in any::<String>(), is_encoded in any::<bool>(), method in "[A-Za-z ]{0,8}",
    ) {
        let mut event = event();
        event["rawPath"] = path.into();
        event["rawQueryString"] = query.into();
        event["headers"]["host"] = host.into();
        event["headers"]["x-forwarded-proto"] = scheme.into();
        event["body"] = body.into();
        event["isBase64Encoded"] = is_encoded.into();
        event["requestContext"]["http"]["method"] = method.into();
        let status = status(event);

        prop_assert!(status.is_some_and(|status| (200..500).contains(&status)), "{status:?}");
    }

    /// Without an IAM identity from API Gateway, no request is from an administrator.
    #[test]
    fn only_iam_identifies_an_administrator(authorizer in arbitrary_json()) {
        prop_assume!(authorizer.get("iam").is_none_or(Value::is_null));
        let status = status(changed("/requestContext/authorizer", Some(authorizer)));
        prop_assert!(status.is_none_or(|status| status != 200), "{status:?}");
    }
}
