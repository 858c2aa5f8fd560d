//! The web console of the gateway, as a browser, another site and another machine see it.

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tests::{Answer, Call, FIVE_CALLS, FREE, Gateway, PRO, Setup, raw};

/// The page, a file of it, data, and the address without a slash at its end.
const PATHS: [&str; 4] = [
    "/_tollgate/console/",
    "/_tollgate/console/app/api.js",
    "/_tollgate/console/api/target",
    "/_tollgate/console",
];

async fn console() -> Gateway {
    Setup::default().console().start().await
}

/// Requests the data of an operation.
fn operation(gateway: &Gateway, operation: &str) -> Call {
    gateway
        .call("GET", &format!("/_tollgate/console/api/{operation}"))
        .header("x-tollgate-console", "local")
}

async fn read(gateway: &Gateway, name: &str) -> Value {
    let answer = operation(gateway, name).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

/// Waits until the figures have this number of requests. A request is counted when its response has
/// been sent, which may be after the client has read it.
async fn overview_with(gateway: &Gateway, requests: u64) -> Value {
    loop {
        let overview = read(gateway, "overview").await;
        if overview["totals"]["requests"] == requests {
            return overview;
        }
        tokio::task::yield_now().await;
    }
}

fn has_no_cors(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .all(|name| !name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn console_is_for_browsers_on_this_machine_only() {
    let gateway = console().await;
    let own = gateway.address.to_string();
    let own_origin = format!("http://{own}");
    let refused: [&[(&str, &str)]; 16] = [
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.nip.io")],
        &[("host", "evil@127.0.0.1")],
        &[("host", "192.0.2.1")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("host", &own), ("origin", "http://localhost:5173")],
        &[("host", "localhost:3000"), ("origin", &own_origin)],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[
            ("host", &own),
            ("origin", &own_origin),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("x-forwarded-for", "127.0.0.1")],
        &[("via", "1.1 tunnel")],
        &[("cf-connecting-ip", "127.0.0.1")],
        &[("service-worker", "script")],
    ];
    let admitted: [&[(&str, &str)]; 5] = [
        &[],
        &[("host", "[::1]:3000")],
        &[("sec-fetch-site", "none")],
        &[
            ("host", &own),
            ("origin", &own_origin),
            ("sec-fetch-site", "same-origin"),
        ],
        &[("cookie", "other=1")],
    ];

    for path in PATHS {
        let send = |headers: &[(&str, &str)]| {
            let call = gateway
                .call("GET", path)
                .header("x-tollgate-console", "local");
            let call = headers
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value));
            call.send()
        };
        for headers in refused {
            let answer = send(headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
            assert_eq!(answer.json(), json!({"message": "Forbidden"}));
            assert!(has_no_cors(&answer.headers), "{answer:?}");
        }
        for headers in admitted {
            let answer = send(headers).await;
            assert!(
                answer.status.as_u16() < 400,
                "{path} {headers:?} {answer:?}"
            );
            assert!(has_no_cors(&answer.headers), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn data_needs_the_header_that_only_pages_send() {
    let gateway = console().await;
    for (method, name) in [
        ("GET", "target"),
        ("GET", "overview"),
        ("GET", "refusals"),
        ("GET", "policy"),
        ("POST", "plans/check"),
        ("POST", "tokens/explain"),
        ("GET", "unknown"),
    ] {
        let path = format!("/_tollgate/console/api/{name}");
        let answer = gateway.call(method, &path).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
        let problem = answer.json();
        assert_eq!(
            (answer.header("content-type"), &problem["detail"]),
            (
                Some("application/problem+json"),
                &json!("The header `x-tollgate-console` is missing.")
            )
        );
    }
}

#[tokio::test]
async fn preflight_of_another_site_is_refused() {
    let gateway = console().await;
    for path in PATHS {
        let answer = gateway
            .call("OPTIONS", path)
            .header("origin", "http://evil.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "x-tollgate-console")
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(has_no_cors(&answer.headers), "{answer:?}");
    }
}

#[tokio::test]
async fn other_paths_are_those_of_the_api() {
    let (with, without) = (console().await, Setup::default().start().await);
    for path in [
        "/",
        "/orders",
        "/console",
        "/_tollgate/consoleX",
        "/_tollgate/console.html",
        "/_tollgate/Console/",
        "/_tollgate//console/",
        "/x/_tollgate/console/",
    ] {
        let expected = without.call("GET", path).send().await;
        let answer = with.call("GET", path).send().await;
        assert!(expected.status.is_client_error(), "{path}");
        assert_eq!(
            (answer.status, answer.body),
            (expected.status, expected.body),
            "{path}"
        );
    }
    assert_eq!(
        with.call("GET", "/").send().await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn gateway_without_a_console_has_no_page() {
    let gateway = Setup::default().start().await;
    for path in PATHS {
        let answer = gateway
            .call("GET", path)
            .header("x-tollgate-console", "local")
            .send()
            .await;
        assert!(answer.status.is_client_error(), "{path} {answer:?}");
        assert_eq!(answer.header("content-security-policy"), None);
    }
}

#[tokio::test]
async fn only_files_of_the_console_are_served() {
    let gateway = console().await;
    for path in [
        "/_tollgate/console/%2e%2e/metrics",
        "/_tollgate/console/..%2fmetrics",
        "/_tollgate/console/app/..%2f..%2f..%2fCargo.toml",
        "/_tollgate/console/../../Cargo.toml",
        "/_tollgate/console/app/../index.html",
        "/_tollgate/console/%252e%252e/metrics",
        "/_tollgate/console//index.html",
        "/_tollgate/console//",
        "/_tollgate/console/app",
        "/_tollgate/console/app/",
        "/_tollgate/console/index.html/",
        "/_tollgate/console/INDEX.HTML",
        "/_tollgate/console/api",
        "/_tollgate/%63onsole/",
        "/_tollgate/console%2f",
        "/_tollgate/console/app%2fapi.js",
        "/_tollgate/console/missing.js",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answer = raw(gateway.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(
            answer.contains("The console has no such page."),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn every_response_has_the_headers_that_protect_a_page() {
    let gateway = console().await;
    let missing = "/_tollgate/console/missing.js";
    for path in PATHS.into_iter().chain([missing]) {
        let answer = gateway
            .call("GET", path)
            .header("x-tollgate-console", "local")
            .send()
            .await;
        for (name, expected) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(expected), "{path}");
        }
        let is_file = path.ends_with("/") || path.ends_with("api.js");
        let caching = if is_file { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(caching), "{path}");
        if is_file {
            let policy = answer.header("content-security-policy");
            assert_eq!(policy, Some(console::CONTENT_SECURITY_POLICY));
        }
    }
}

#[tokio::test]
async fn unchanged_file_is_not_sent_again() {
    let gateway = console().await;
    let file = || gateway.call("GET", "/_tollgate/console/app/api.js");
    let first = file().send().await;
    let etag = first.header("etag").unwrap().to_owned();

    let again = file().header("if-none-match", &etag).send().await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
    let changed = file().header("if-none-match", "\"other\"").send().await;
    assert_eq!(changed.body, first.body);
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let gateway = console().await;
    let path = "/_tollgate/console/";
    let get = gateway.call("GET", path).send().await;
    let head = gateway.call("HEAD", path).send().await;

    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for name in [
        "content-type",
        "content-length",
        "etag",
        "content-security-policy",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn pages_are_only_read() {
    let gateway = console().await;
    for path in [
        "/_tollgate/console",
        "/_tollgate/console/",
        "/_tollgate/console/app/api.js",
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let answer = gateway.call(method, path).send().await;
            assert_eq!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    let operation = operation(&gateway, "target").send().await;
    assert_eq!(operation.status, StatusCode::OK);
    let deleted = gateway
        .call("DELETE", "/_tollgate/console/api/target")
        .header("x-tollgate-console", "local")
        .send()
        .await;
    assert_eq!(deleted.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn address_without_a_slash_leads_to_the_page() {
    let gateway = console().await;
    let answer = gateway.call("GET", "/_tollgate/console").send().await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.header("location"), Some("/_tollgate/console/"));
}

fn check_plan(gateway: &Gateway, body: impl Into<bytes::Bytes>) -> Call {
    gateway
        .call("POST", "/_tollgate/console/api/plans/check")
        .header("x-tollgate-console", "local")
        .header("content-type", "application/json")
        .body(body)
}

#[tokio::test]
async fn body_beyond_a_megabyte_is_refused() {
    let gateway = console().await;
    let small = check_plan(&gateway, json!({"text": "{}"}).to_string())
        .send()
        .await;
    assert_eq!(small.status, StatusCode::OK, "{small:?}");

    let large = vec![b' '; 1024 * 1024 + 1];
    let answer = check_plan(&gateway, large.clone()).send().await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);

    // A chunked body has no declared length.
    let head = "POST /_tollgate/console/api/plans/check HTTP/1.1\r\nhost: localhost\r\n\
                x-tollgate-console: local\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut request = format!("{head}{:x}\r\n", large.len()).into_bytes();
    request.extend(large);
    request.extend(b"\r\n0\r\n\r\n");
    let answer = raw(gateway.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn body_that_does_not_arrive_ends_after_10_seconds() {
    let gateway = console().await;
    let request = "POST /_tollgate/console/api/plans/check HTTP/1.1\r\nhost: localhost\r\n\
                   x-tollgate-console: local\r\ncontent-length: 100\r\n\r\n{";
    let answer = raw(gateway.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn long_head_is_refused_as_by_api_gateway() {
    let gateway = console().await;
    let call = gateway.call("GET", "/_tollgate/console/");
    let answer = call.header("cookie", &"x".repeat(11_000)).send().await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn page_administrates_the_gateway() {
    let gateway = console().await;
    let own = gateway.address.to_string();
    let page = |method: &str, path: &str, origin: &str| {
        gateway
            .call(method, path)
            .header("host", &own)
            .header("origin", origin)
            .header("sec-fetch-site", "same-origin")
            .header("x-tollgate-console", "local")
            .header("content-type", "application/json")
    };
    let plan = json!({"throttle": {"rate": 1, "burst": 5}}).to_string();
    let path = "/_tollgate/v1/plans/of-the-page";

    let foreign = page("PUT", path, "http://evil.example").body(plan.clone());
    assert_eq!(foreign.send().await.status, StatusCode::FORBIDDEN);
    let made = page("PUT", path, &format!("http://{own}")).body(plan);
    assert_eq!(made.send().await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn figures_count_requests_to_the_api_only() {
    let setup = Setup::default().seeds(FIVE_CALLS);
    let gateway = setup.console().start().await;
    for _ in 0..6 {
        gateway.get("/orders", FREE).await;
    }
    gateway.get("/orders", PRO).await;
    gateway.get("/orders", "unknown-key-0000000000001").await;
    gateway.call("GET", "/health").send().await;
    let own = [
        "/_tollgate/metrics",
        "/_tollgate/v1/plans",
        "/_tollgate/usage",
        "/_tollgate/console/",
        "/_tollgate/jwks.json",
        "/_tollgate",
    ];
    for path in own {
        gateway.call("GET", path).send().await;
    }
    // All of them are in the log: 9 requests to the API, and these.
    while gateway.log().len() < 9 + own.len() {
        tokio::task::yield_now().await;
    }

    let overview = overview_with(&gateway, 9).await;
    let totals = &overview["totals"];
    let counts = ["throttled", "unauthorized", "forbidden", "server_errors"].map(|it| &totals[it]);
    assert_eq!(counts, [1, 1, 0, 0], "{totals}");
    assert!(totals["p50_ms"].as_f64() > Some(0.0), "{totals}");
    assert_eq!(overview["points"].as_array().map(Vec::len), Some(180));
    assert_eq!(
        (&overview["step_s"], &overview["range"]),
        (&json!(5), &json!("15m"))
    );
    let free =
        json!({"plan": "free", "allowed": 5, "throttled": 1, "unavailable": 0, "degraded": 0});
    assert_eq!(overview["decisions"][0], free);

    let metrics = gateway.call("GET", "/_tollgate/metrics").send().await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(!metrics.contains("console"), "{metrics}");
}

#[tokio::test]
async fn longer_ranges_need_a_deployed_stack() {
    let gateway = console().await;
    for (range, detail) in [
        (
            "3h",
            "The local gateway keeps the figures of the last 15 minutes.",
        ),
        ("2h", "`range` is invalid, expected one of 15m, 3h, 1d, 7d."),
    ] {
        let answer = operation(&gateway, &format!("overview?range={range}"))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let problem = answer.json();
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn figures_need_no_access_log() {
    let template = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let (_, from) = template.split_once("      AccessLogSettings:\n").unwrap();
    let (settings, _) = from.split_once("\n\n").unwrap();
    let settings = format!("      AccessLogSettings:\n{settings}\n");
    let gateway = Setup::default()
        .console()
        .replace(&settings, "")
        .start()
        .await;

    gateway.call("GET", "/orders").send().await;
    overview_with(&gateway, 1).await;
    assert!(gateway.log().is_empty());
}

#[tokio::test]
async fn refusals_exclude_admitted_requests_and_those_to_own_pages() {
    let policy = r#"{"rules":[{"match":"GET /open","auth":"none"},{"match":"GET /orders","auth":"api_key"}]}"#;
    let gateway = Setup::default().console().policy(policy).start().await;
    for path in ["/open", "/closed", "/_tollgate/usage"] {
        gateway.get(path, FREE).await;
    }
    overview_with(&gateway, 2).await;

    let refusals = read(&gateway, "refusals").await;
    let items = refusals["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{refusals}");
    assert_eq!(items[0]["reason"], "no_rule");
    assert_eq!(
        (&items[0]["status"], &items[0]["path"]),
        (&json!(403), &json!("/closed"))
    );
    assert_eq!(
        read(&gateway, "refusals?reason=unknown_key").await["items"],
        json!([])
    );

    let invalid: Answer = operation(&gateway, "refusals?limit=0").send().await;
    assert_eq!(invalid.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn target_describes_the_gateway() {
    let gateway = Setup::default()
        .console()
        .parameter("KeyHeader", "api-key")
        .start()
        .await;
    let target = read(&gateway, "target").await;
    for (field, expected) in [
        ("kind", json!("local")),
        ("may_write", json!(true)),
        ("key_header", json!("api-key")),
        ("overview", json!("memory")),
        ("refusals", json!("memory")),
    ] {
        assert_eq!(target[field], expected, "{target}");
    }
    assert_eq!(target["policy_source"]["kind"], "template");
}

#[tokio::test]
async fn requests_to_compositions_are_requests_to_the_api() {
    let orders = crate::compositions::orders().await;
    let gateway = Setup::default()
        .seeds(FIVE_CALLS)
        .compositions(&crate::compositions::compositions())
        .backend(orders.address)
        .console()
        .start()
        .await;
    for _ in 0..6 {
        gateway.get("/bff/strict", FREE).await;
    }

    let overview = overview_with(&gateway, 6).await;
    let totals = &overview["totals"];
    assert_eq!(
        (&totals["throttled"], &totals["server_errors"]),
        (&json!(1), &json!(0)),
        "{totals}"
    );
    let refusal = &read(&gateway, "refusals").await["items"][0];
    assert_eq!(refusal["reason"], "rate_exceeded", "{refusal}");
    assert_eq!(refusal["path"], "/bff/strict", "{refusal}");
    read(&gateway, "policy").await;
}
