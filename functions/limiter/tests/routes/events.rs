//! Whatever an event says, the function answers and does not panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::Api;

/// What stands where in an event that API Gateway sends.
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

/// The status, or nothing if the event is not a request. `limiter::answer` would hide a panic.
fn status(event: Value) -> Option<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime
        .block_on(Api::embedded().limiter.handle(event))
        .ok()?;
    Some(answer["statusCode"].as_u64().unwrap())
}

#[test]
fn odd_hosts_queries_bodies_and_paths_are_answered() {
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
async fn a_malformed_request_gets_a_problem_document_that_names_every_mistake() {
    let api = Api::embedded();
    let call = api
        .call("GE T", "/plans")
        .header("x-a", "a\nb")
        .header("x-b", "a\u{7f}b");
    let answer = call.send().await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (400, Some("application/problem+json"))
    );
    assert_eq!(answer.mistakes(), ["method", "x-a", "x-b"]);
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
fn a_list_in_the_place_of_an_object_administrates_nothing() {
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
    /// A field of a good event, replaced or left out.
    #[test]
    fn no_event_whatever_makes_it_panic(
        place in proptest::sample::select(&PLACES[..]), value in proptest::option::of(arbitrary_json()),
    ) {
        if let Some(status) = status(changed(place, value)) {
            prop_assert!((200..500).contains(&status), "{place}: {status}");
        }
    }

    /// Texts that come from the client, several of them odd at once.
    #[test]
    fn no_request_whatever_makes_it_panic(
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

    /// Nothing but API Gateway's own word makes an administrator.
    #[test]
    fn no_authorizer_whatever_but_iam_administrates(authorizer in arbitrary_json()) {
        prop_assume!(authorizer.get("iam").is_none_or(Value::is_null));
        let status = status(changed("/requestContext/authorizer", Some(authorizer)));
        prop_assert!(status.is_none_or(|status| status != 200), "{status:?}");
    }
}
