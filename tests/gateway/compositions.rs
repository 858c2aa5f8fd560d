//! Compositions through the whole gateway: authorizer, plan, composer and services.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tests::{Answer, Backend, FREE, Gateway, PRO, Setup, token};

use crate::scrape::{assert_values, logged, scrape};

/// Two routes, in a document that is longer than the template's parameter may be.
pub(crate) fn compositions() -> String {
    let document = json!({
        "services": {"default": {"url": "http://production.example"}, "users": {"url": "http://users.example"}},
        "routes": {
            "GET /bff/dashboard": {
                "parts": {
                    "user": {"get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}},
                    "orders": {"get": "/orders?userId={user_id}&limit=5", "fallback": {"items": [], "total": 0}},
                },
                "headers": ["accept-language"], "fields_parameter": "fields",
            },
            "GET /bff/long": {"parts": {"orders": {"get": "/orders", "fallback": "-".repeat(4_000)}}},
            "GET /bff/strict": {"parts": {"orders": {"get": "/orders", "required": true}}},
            "POST /bff/orders": {"parts": {"order": {"post": "/orders"}}},
        },
    });
    document.to_string()
}

/// Answers with JSON that names the request.
pub(crate) fn json_response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "private, max-age=60");
    response.body(Full::new(body.to_string().into())).unwrap()
}

pub(crate) async fn orders() -> Backend {
    Backend::start(|request| async move {
        match request.method().as_str() {
            "POST" => json_response(201, &json!({"id": 7})),
            _ => json_response(200, &json!({"items": [1], "total": 1})),
        }
    })
    .await
}

pub(crate) async fn users() -> Backend {
    Backend::start(|_| async { json_response(200, &json!({"name": "Alice"})) }).await
}

struct Scene {
    gateway: Gateway,
    orders: Backend,
    users: Backend,
}

impl Scene {
    async fn start(setup: Setup) -> Self {
        let (orders, users) = (orders().await, users().await);
        let gateway = setup
            .compositions(&compositions())
            .backend(orders.address)
            .service("users", users.address)
            .start()
            .await;
        Self {
            gateway,
            orders,
            users,
        }
    }

    /// Sends a request of alice, who has a token.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let authorization = format!("Bearer {}", token("alice", None, Some("pro")));
        let mut call = self.gateway.call(method, path);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.header("authorization", &authorization).send().await
    }

    fn calls(&self) -> usize {
        self.orders.seen().len() + self.users.seen().len()
    }
}

#[tokio::test]
async fn response_is_merged_from_the_services_that_were_given() {
    let scene = Scene::start(Setup::default()).await;
    let answer = scene.send("GET", "/bff/dashboard", &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(
        answer.json(),
        json!({"user": {"name": "Alice"}, "orders": {"items": [1], "total": 1}})
    );
    assert_eq!(answer.header("x-tollgate-complete"), Some("true"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
    assert!(answer.header("ratelimit").is_some(), "{:?}", answer.headers);

    let (user, order) = (&scene.users.seen()[0], &scene.orders.seen()[0]);
    assert_eq!(user.target, "/users/alice");
    assert_eq!(order.target, "/orders?userId=alice&limit=5");
    assert_eq!(order.headers["x-tollgate-user-id"], "alice");
    assert_eq!(order.headers["x-tollgate-plan"], "pro");
    assert_eq!(scene.gateway.log()[0]["route_key"], "ANY /bff/{proxy+}");
}

#[tokio::test]
async fn client_can_revalidate_a_response_and_ask_for_its_head() {
    let scene = Scene::start(Setup::default()).await;
    let answer = scene.send("GET", "/bff/dashboard", &[]).await;
    let tag = answer.header("etag").unwrap();

    let same = [("if-none-match", tag)];
    let unchanged = scene.send("GET", "/bff/dashboard", &same).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        (unchanged.header("etag"), unchanged.body.len()),
        (Some(tag), 0)
    );

    let head = scene.send("HEAD", "/bff/dashboard", &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("etag"), Some(tag));
    let other = [("if-none-match", "\"other\"")];
    assert_eq!(
        scene.send("GET", "/bff/dashboard", &other).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn other_methods_and_paths_are_problem_documents() {
    let scene = Scene::start(Setup::default()).await;
    let options = scene.send("OPTIONS", "/bff/dashboard", &[]).await;
    assert_eq!(options.status, StatusCode::NO_CONTENT);
    assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS"));

    for (method, path, status) in [
        ("DELETE", "/bff/dashboard", 405),
        ("GET", "/bff/orders", 405),
        ("GET", "/bff/nothing", 404),
    ] {
        let answer = scene.send(method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        let content_type = answer.header("content-type");
        assert_eq!(
            content_type,
            Some("application/problem+json"),
            "{method} {path}"
        );
    }
    assert_eq!(scene.calls(), 0);
}

#[tokio::test]
async fn throttled_caller_gets_429_before_any_call() {
    let scene = Scene::start(Setup::default()).await;
    for _ in 0..5 {
        let answer = scene.gateway.get("/bff/strict", FREE).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    }
    let calls = scene.calls();
    let refused = scene.gateway.get("/bff/strict", FREE).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["status"], 429);
    assert_eq!(scene.calls(), calls);
    logged(&scene.gateway, 6).await;
    let refused = (r#"tollgate_refusals_total{reason="rate_exceeded"}"#, 1.0);
    assert_values(&scrape(&scene.gateway).await, &[refused]);

    let unauthorized = scene.gateway.call("GET", "/bff/strict").send().await;
    assert_eq!(unauthorized.status, StatusCode::UNAUTHORIZED);
    assert_eq!(scene.calls(), calls);
}

#[tokio::test]
async fn policy_decides_each_part_of_a_composition() {
    let policy = json!({"rules": [
        {"match": "ANY /bff/{proxy+}", "auth": "any"},
        {"match": "GET /users/{id}", "auth": "any", "scopes": ["users:read"]},
        {"match": "GET /orders", "auth": "any"},
    ]});
    let seeds = json!({
        "plans": {"pro": {"throttle": {"rate": 100, "burst": 200}}},
        "keys": [{"key": "key-without-a-scope-01", "key_id": "plain", "plan": "pro", "subject": "bob"},
                 {"key": "key-with-a-scope-00001", "key_id": "scoped", "plan": "pro", "subject": "eve", "scopes": ["users:read"]}],
    });
    let setup = Setup::default()
        .policy(&policy.to_string())
        .seeds(&seeds.to_string());
    let scene = Scene::start(setup).await;

    let partial = scene
        .gateway
        .get("/bff/dashboard", "key-without-a-scope-01")
        .await;
    assert_eq!(
        partial.status,
        StatusCode::PARTIAL_CONTENT,
        "{:?}",
        partial.body
    );
    let body = partial.json();
    assert_eq!(body["user"], json!({"name": "User"}));
    assert_eq!(
        body["_metadata"]["missing"],
        json!([{"part": "user", "reason": "forbidden", "fallback": true}])
    );
    assert_eq!(scene.users.seen().len(), 0);

    let complete = scene
        .gateway
        .get("/bff/dashboard", "key-with-a-scope-00001")
        .await;
    assert_eq!(complete.status, StatusCode::OK, "{:?}", complete.body);
    assert_eq!(scene.users.seen()[0].target, "/users/eve");
}

#[tokio::test]
async fn post_passes_the_body_on_once() {
    let scene = Scene::start(Setup::default()).await;
    let call = scene
        .gateway
        .call("POST", "/bff/orders")
        .header("x-api-key", PRO);
    let call = call.header("content-type", "application/json");
    let answer = call.body(r#"{"sku":"a"}"#).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    assert_eq!(answer.json(), json!({"order": {"id": 7}}));
    assert_eq!(
        (answer.header("etag"), answer.header("cache-control")),
        (None, Some("no-store"))
    );

    let seen = scene.orders.seen();
    assert_eq!((seen.len(), seen[0].method.as_str()), (1, "POST"));
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(seen[0].headers["content-length"], "11");
}

#[tokio::test]
async fn responses_and_parts_are_in_the_metrics() {
    let backend = Backend::start(|_| async { json_response(404, &json!({})) }).await;
    let users = users().await;
    let gateway = Setup::default()
        .compositions(&compositions())
        .backend(backend.address)
        .service("users", users.address)
        .start()
        .await;
    for path in [
        "/bff/dashboard",
        "/bff/dashboard",
        "/bff/strict",
        "/bff/nothing",
    ] {
        let authorization = format!("Bearer {}", token("alice", None, Some("pro")));
        let call = gateway
            .call("GET", path)
            .header("authorization", &authorization);
        call.send().await;
    }
    logged(&gateway, 4).await;

    let text = scrape(&gateway).await;
    assert_values(
        &text,
        &[
            (
                r#"tollgate_composed_responses_total{route="GET /bff/dashboard",result="partial"}"#,
                2.0,
            ),
            (
                r#"tollgate_composed_responses_total{route="GET /bff/strict",result="failed"}"#,
                1.0,
            ),
            (
                r#"tollgate_composition_parts_total{route="GET /bff/dashboard",part="user",result="ok"}"#,
                2.0,
            ),
            (
                r#"tollgate_composition_parts_total{route="GET /bff/dashboard",part="orders",result="status"}"#,
                2.0,
            ),
            (
                r#"tollgate_api_calls_total{service="service:users",operation="GET",status="success"}"#,
                2.0,
            ),
            (
                r#"tollgate_circuit_breaker_state{service="service:users",state="closed"}"#,
                1.0,
            ),
            ("tollgate_rejected_records_total", 0.0),
        ],
    );
    assert!(
        !text.contains("/bff/nothing") && !text.contains("/users/alice"),
        "{text}"
    );
}

#[tokio::test]
async fn compositions_can_also_be_a_parameter() {
    let orders = orders().await;
    let document = r#"{"services": {"default": {"url": "http://production.example"}},
                       "routes": {"GET /mobile/a": {"parts": {"orders": {"get": "/orders"}}}}}"#;
    let setup = Setup::default()
        .parameter("Compositions", document)
        .parameter("CompositionsPrefix", "/mobile")
        .backend(orders.address);
    let gateway = setup.start().await;
    let answer = gateway.get("/mobile/a", PRO).await;
    assert_eq!(answer.json(), json!({"orders": {"items": [1], "total": 1}}));
}

#[tokio::test]
async fn without_compositions_nothing_changes() {
    let orders = orders().await;
    let gateway = Setup::default().backend(orders.address).start().await;
    let answer = gateway.get("/bff/dashboard", PRO).await;
    assert_eq!(
        (answer.status, orders.seen()[0].target.as_str()),
        (StatusCode::OK, "/bff/dashboard")
    );
}

#[tokio::test]
async fn invalid_compositions_keep_the_gateway_from_starting() {
    let setup = |compositions: &str| Setup::default().compositions(compositions);
    let unknown = compositions().replace("/users/{user_id}", "/users/{usr_id}");
    let services = Setup::default().service("users", ([127, 0, 0, 1], 1).into());
    let misspelled = setup(&compositions()).service("usrs", ([127, 0, 0, 1], 1).into());
    for (setup, problem) in [
        (setup("{"), "compositions.json:1:"),
        (setup(&unknown), "compositions.json:1:"),
        (
            setup(&compositions()).parameter("Compositions", "{}"),
            "exclude each other",
        ),
        (services, "--service users: there are no compositions"),
        (
            misspelled,
            "--service usrs: the compositions have no service of this name, expected one of default, users",
        ),
    ] {
        let error = setup.try_start().await.err().unwrap().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
}
