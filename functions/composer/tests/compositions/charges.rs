//! Charges for parts.

use composer::{Config, open};
use composition::Missing;
use jiff::Zoned;
use limits::Caller;
use outcome::ContextField;
use serde_json::{Value, json};
use store::Store;
use telemetry::RecordLog;
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

fn seeds() -> Value {
    json!({"plans": {
        "free": {"quotas": [{"limit": 5, "period": "day"}]},
        "shared": {"quotas": [{"limit": 100, "period": "day"}], "shared_by_plan": true},
        "routes": {"routes": {"GET /offers": {"rate": 0.001, "burst": 1}}},
        "disabled": {"enabled": false},
        "addresses": {"quotas": [{"limit": 1, "period": "day"}]},
    }})
}

fn policy() -> Value {
    json!({"rules": [
        {"match": "GET /login", "auth": "none", "limit_by": "ip", "plan": "addresses"},
        {"match": "GET /public", "auth": "none"},
        {"match": "GET /offers", "auth": "any", "cost": 2},
        {"match": "ANY /{proxy+}", "auth": "any"},
    ]})
}

fn service_of_everything() -> HttpServer {
    HttpServer::responding(|_| HttpReply::json(200, &json!({})))
}

/// Returns the calls of a caller's first quota that are used today.
async fn used(store: &Store, caller: &str, plan: &str) -> u64 {
    let caller = Caller::from_text(caller).unwrap();
    let deadline = store.deadline();
    let plan = store.plan(plan, deadline).await.unwrap().unwrap();
    let today = Zoned::now().date();
    let report = store
        .usage(&caller, None, Some(&plan), today, today, deadline)
        .await;
    report.unwrap().quotas[0].used
}

#[tokio::test]
async fn cost_of_a_route_can_follow_its_parts() {
    let service = service_of_everything();
    let store = store(&seeds());
    let route = json!({"cost": "parts", "fields_parameter": "fields",
        "parts": {"a": {"get": "/a"}, "b": {"get": "/b"}, "c": {"get": "/c"}}});
    let document = document(&service.url(), "GET /bff/a", route);
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    // The authorizer has charged the first of the three calls.
    let reply = composer.compose(&get("/bff/a")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(used(&store, "key#key-1", "free").await, 2);
    let remaining = reply.headers["ratelimit"].to_str().unwrap();
    assert!(remaining.starts_with("\"day\";r=3;t="), "{remaining}");

    composer.compose(&get("/bff/a?fields=b")).await;
    assert_eq!(used(&store, "key#key-1", "free").await, 2);
    composer.compose(&get("/bff/a?fields=b,c")).await;
    assert_eq!(used(&store, "key#key-1", "free").await, 3);

    composer.compose(&get("/bff/a")).await;
    let calls = service.requests().len();
    let refused = composer.compose(&get("/bff/a")).await;
    assert_eq!(refused.status, 429);
    assert_eq!(body(&refused)["reason"], "quota_exceeded");
    assert_eq!(body(&refused)["violated-policies"], json!(["day"]));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(service.requests().len(), calls);
    assert_eq!(used(&store, "key#key-1", "free").await, 5);
}

#[tokio::test]
async fn cost_counts_only_parts_that_are_called() {
    let service = service_of_everything();
    let store = store(&seeds());
    let parts = |is_required: bool| {
        json!({"a": {"get": "/a"}, "b": {"get": "/b"},
            "secret": {"get": "/admin", "required": is_required}, "mail": {"get": "/mail/{email}"},
            "after": {"get": "/after", "after": "mail"}})
    };
    let document = json!({
        "services": {"default": {"url": service.url()}},
        "routes": {
            "GET /bff/optional": {"cost": "parts", "parts": parts(false)},
            "GET /bff/required": {"cost": "parts", "parts": parts(true)},
        },
    });
    let policy = json!({"rules": [
        {"match": "GET /admin", "auth": "any", "scopes": ["admin"]},
        {"match": "ANY /{proxy+}", "auth": "any"}]});
    let composer = composer_with(&document, &policy, Some(store.clone())).await;

    assert_eq!(composer.compose(&get("/bff/optional")).await.status, 206);
    assert_eq!(service.requests().len(), 2);
    assert_eq!(used(&store, "key#key-1", "free").await, 1);

    assert_eq!(composer.compose(&get("/bff/required")).await.status, 403);
    assert_eq!(service.requests().len(), 2);
    assert_eq!(used(&store, "key#key-1", "free").await, 1);
}

/// A route with two parts, of which one is charged as a request to `path`.
fn charged(url: &str, path: &str, is_required: bool) -> Value {
    let parts = json!({
        "user": {"get": "/user"},
        "offers": {"get": path, "charged": true, "required": is_required},
    });
    document(url, "GET /bff/a", json!({"parts": parts}))
}

#[tokio::test]
async fn part_is_charged_as_its_own_route() {
    let service = service_of_everything();
    let store = store(&seeds());
    let document = charged(&service.url(), "/offers", false);
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    for (used_after, expected) in [(2, None), (4, None), (4, Some(Missing::Throttled))] {
        let reply = composer.compose(&get("/bff/a")).await;
        let reason = missing(&reply).first().map(|(_, reason)| *reason);
        assert_eq!(reason, expected);
        assert_eq!(used(&store, "key#key-1", "free").await, used_after);
        if expected.is_none() {
            let limit = reply.headers["ratelimit"].to_str().unwrap();
            assert!(limit.contains(&format!("r={};", 5 - used_after)), "{limit}");
        }
    }
    let offers = service
        .requests()
        .iter()
        .filter(|sent| sent.target == "/offers")
        .count();
    assert_eq!(offers, 2);
}

#[tokio::test]
async fn part_has_the_limit_of_its_own_route() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/offers", true);
    let policy = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
    let composer = composer_with(&document, &policy, Some(store(&seeds()))).await;
    let mut request = get("/bff/a");
    request.context = Some(context(&[(ContextField::Plan, "routes")]));

    assert_eq!(composer.compose(&request).await.status, 200);
    let refused = composer.compose(&request).await;
    assert_eq!(refused.status, 429);
    assert_eq!(body(&refused)["part"], "offers");
    let retry_after: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(retry_after > 900, "{retry_after}");
}

#[tokio::test]
async fn plan_that_cannot_allow_a_part_forbids_it() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/offers", false);
    let composer = composer_with(&document, &policy(), Some(store(&seeds()))).await;

    // The cost of 2 is above the burst of the route, the plan is disabled, or it does not exist.
    for plan in ["routes", "disabled", "unknown"] {
        let mut request = get("/bff/a");
        request.context = Some(context(&[(ContextField::Plan, plan)]));
        let reply = composer.compose(&request).await;
        assert_eq!(
            missing(&reply),
            [("offers".to_owned(), Missing::Forbidden)],
            "{plan}"
        );
    }
}

#[tokio::test]
async fn caller_that_the_context_does_not_name_exactly_is_not_served() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/offers", false);
    let store = store(&seeds());
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    for fields in [
        &[(ContextField::Caller, "-")][..],
        &[(ContextField::Plan, "-")],
        &[(ContextField::Caller, "key#other")],
        &[(ContextField::Caller, "user#alice")],
        &[(ContextField::Caller, "key#key-1%")],
        &[(ContextField::Caller, "plan#other")],
        &[
            (ContextField::Caller, "group#acme"),
            (ContextField::KeyId, "-"),
        ],
        // The plan was shared when the authorizer charged it, so that the key's group is unknown.
        &[(ContextField::Caller, "plan#free")],
    ] {
        let mut request = get("/bff/a");
        request.context = Some(context(fields));
        let reply = composer.compose(&request).await;
        let missing = missing(&reply);
        assert!(
            missing.iter().any(|(name, reason)| name == "offers"
                && matches!(reason, Missing::Unavailable | Missing::Forbidden)),
            "{fields:?} {missing:?}"
        );
    }
    assert_eq!(used(&store, "key#key-1", "free").await, 0);
    assert!(
        service
            .requests()
            .iter()
            .all(|sent| sent.target != "/offers")
    );
}

#[tokio::test]
async fn groups_and_shared_plans_are_charged_instead_of_their_callers() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/offers", false);
    let store = store(&seeds());
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    let mut request = get("/bff/a");
    request.context = Some(context(&[(ContextField::Caller, "group#acme")]));
    assert_eq!(missing(&composer.compose(&request).await), []);
    assert_eq!(used(&store, "group#acme", "free").await, 2);
    assert_eq!(used(&store, "key#key-1", "free").await, 0);

    request.context = Some(context(&[
        (ContextField::Caller, "plan#shared"),
        (ContextField::Plan, "shared"),
    ]));
    assert_eq!(missing(&composer.compose(&request).await), []);
    assert_eq!(used(&store, "plan#shared", "shared").await, 2);
}

#[tokio::test]
async fn public_part_charges_the_address_of_the_client() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/login", false);
    let store = store(&seeds());
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    let mut request = get("/bff/a");
    request.source_address = "192.0.2.7".parse().ok();
    assert_eq!(missing(&composer.compose(&request).await), []);
    assert_eq!(used(&store, "ip#192.0.2.7#addresses", "addresses").await, 1);
    let reply = composer.compose(&request).await;
    assert_eq!(missing(&reply), [("offers".to_owned(), Missing::Throttled)]);

    // Behind a front, the authorizer names the address of the client.
    request.context = Some(context(&[(ContextField::ClientIp, "198.51.100.1")]));
    assert_eq!(missing(&composer.compose(&request).await), []);
    assert_eq!(
        used(&store, "ip#198.51.100.1#addresses", "addresses").await,
        1
    );

    request.context = Some(context(&[]));
    request.source_address = None;
    let reply = composer.compose(&request).await;
    assert_eq!(
        missing(&reply),
        [("offers".to_owned(), Missing::Unavailable)]
    );
    assert_eq!(used(&store, "key#key-1", "free").await, 0);
}

#[tokio::test]
async fn caller_without_limits_is_not_charged() {
    let service = service_of_everything();
    let document = charged(&service.url(), "/public", false);
    let composer = composer_with(&document, &policy(), Some(store(&seeds()))).await;

    let mut request = get("/bff/a");
    request.context = Some(context(&[
        (ContextField::Auth, "none"),
        (ContextField::KeyId, "-"),
        (ContextField::Caller, "-"),
        (ContextField::Plan, "-"),
    ]));
    // `/user` needs a credential.
    let reply = composer.compose(&request).await;
    assert_eq!(missing(&reply), [("user".to_owned(), Missing::Forbidden)]);
    assert_eq!(service.requests()[0].target, "/public");
}

#[tokio::test]
async fn store_that_does_not_respond_makes_charged_parts_unavailable() {
    let service = service_of_everything();
    let mut document = charged(&service.url(), "/offers", false);
    document["routes"]["GET /bff/b"] = json!({"cost": "parts",
        "parts": {"user": {"get": "/user"}, "orders": {"get": "/orders"}}});
    let (document, policy) = (document.to_string(), policy().to_string());
    let setting = |name: &str| {
        let value = match name {
            "COMPOSITIONS" => document.as_str(),
            "AUTH_POLICY" => policy.as_str(),
            "REGISTRY_TABLE" | "USAGE_TABLE" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "x",
            "AWS_REGION" => "us-east-1",
            // Nothing listens there.
            "AWS_ENDPOINT_URL" => "http://127.0.0.1:1",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Config::from_lookup(setting).unwrap();
    let records = RecordLog::to(std::io::sink());
    let composer = open(config, setting, records, None).await.unwrap();

    let reply = composer.compose(&get("/bff/a")).await;
    assert_eq!(
        missing(&reply),
        [("offers".to_owned(), Missing::Unavailable)]
    );
    let reply = composer.compose(&get("/bff/b")).await;
    assert_eq!(reply.status, 503);
    assert_eq!(body(&reply)["reason"], "store_unavailable");
    assert_eq!(reply.headers["retry-after"], "1");
    assert!(service.requests().iter().all(|sent| sent.target == "/user"));
}

#[tokio::test]
async fn call_that_the_open_circuit_rejects_is_not_charged() {
    let server = HttpServer::start();
    server.reply("GET /user", HttpReply::json(200, &json!({})));
    server.reply("GET /orders", HttpReply::json(500, &json!({})));
    let store = store(&json!({"plans": {"free": {"quotas": [{"limit": 1000, "period": "day"}]}}}));
    let document = charged(&server.url(), "/orders", false);
    let composer = composer_with(&document, &policy(), Some(store.clone())).await;

    for _ in 0..100 {
        let before = used(&store, "key#key-1", "free").await;
        let reply = composer.compose(&get("/bff/a")).await;
        let offers = missing(&reply)
            .into_iter()
            .find(|(name, _)| name == "offers");
        if offers == Some(("offers".to_owned(), Missing::CircuitOpen)) {
            assert_eq!(used(&store, "key#key-1", "free").await, before);
            return;
        }
    }
    panic!("the circuit never opened");
}
