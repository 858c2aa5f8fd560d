//! Pages of other origins, where the template says which of them may call.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tests::{Answer, Backend, FREE, Gateway, PRO, Setup};

const APP: &str = "https://app.example.com";
const EXPOSED: &str = "ratelimit,ratelimit-policy,x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset,retry-after,x-request-id,x-tollgate-complete";

/// A backend with CORS headers of its own, behind a gateway that lets the pages of these origins
/// call.
async fn serving(origins: &str) -> (Gateway, Backend) {
    let backend = Backend::start(|_| async {
        let answer = Response::builder()
            .header("access-control-allow-origin", "*")
            .header("access-control-max-age", "1");
        answer.body(Full::new(Bytes::new())).unwrap()
    })
    .await;
    (
        Setup::default()
            .parameter("AllowedOrigins", origins)
            .backend(backend.address)
            .start()
            .await,
        backend,
    )
}

async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Answer {
    let call = gateway
        .call("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "PUT");
    call.header("access-control-request-headers", "x-api-key")
        .send()
        .await
}

fn told(answer: &Answer) -> Vec<(&str, &str)> {
    let cors = answer
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut told: Vec<_> = cors
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn the_gateway_answers_preflights_itself_on_every_path_that_asks_for_credentials() {
    let (gateway, backend) = serving(&format!("https://other.example.com, {APP}")).await;
    for path in [
        "/orders",
        "/",
        "/orders/1/lines",
        "/health",
        "/_tollgate/usage",
    ] {
        let answer = preflight(&gateway, path, APP).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (StatusCode::NO_CONTENT, 0),
            "{path}"
        );
        let expected = [
            ("access-control-allow-headers", "*,authorization"),
            (
                "access-control-allow-methods",
                "GET,HEAD,POST,PUT,PATCH,DELETE",
            ),
            ("access-control-allow-origin", APP),
            ("access-control-max-age", "7200"),
        ];
        assert_eq!(told(&answer), expected, "{path}");
    }
    assert_eq!(backend.seen().len(), 0);
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_nothing() {
    let (gateway, _backend) = serving(APP).await;
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "null",
    ] {
        let answer = preflight(&gateway, "/orders", origin).await;
        assert_eq!(
            (answer.status, told(&answer)),
            (StatusCode::NO_CONTENT, Vec::new()),
            "{origin}"
        );
        let answer = gateway
            .call("GET", "/orders")
            .header("x-api-key", PRO)
            .header("origin", origin)
            .send()
            .await;
        assert_eq!(
            (answer.status, told(&answer)),
            (StatusCode::OK, Vec::new()),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn a_page_may_read_its_limits_whether_it_is_served_or_not() {
    let (gateway, _backend) = serving(APP).await;
    for expected in [200, 200, 200, 200, 200, 429] {
        let answer = gateway
            .call("GET", "/orders")
            .header("x-api-key", FREE)
            .header("origin", APP)
            .send()
            .await;
        assert_eq!(answer.status.as_u16(), expected);
        let headers = [
            ("access-control-allow-origin", APP),
            ("access-control-expose-headers", EXPOSED),
        ];
        assert_eq!(told(&answer), headers, "the backend's own are dropped");
    }
}

#[tokio::test]
async fn every_method_but_options_still_asks_for_credentials() {
    let (gateway, backend) = serving(APP).await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        for path in ["/", "/orders", "/orders/1"] {
            let anonymous = gateway.call(method.as_str(), path).send().await;
            assert_eq!(
                anonymous.status,
                StatusCode::UNAUTHORIZED,
                "{method} {path}"
            );
            let known = gateway
                .call(method.as_str(), path)
                .header("x-api-key", PRO)
                .send()
                .await;
            assert_eq!(known.status, StatusCode::OK, "{method} {path}");
        }
    }
    assert_eq!(backend.seen().len(), 18);
    let plain = gateway
        .call("OPTIONS", "/orders")
        .header("origin", APP)
        .send()
        .await;
    assert_eq!(plain.status, StatusCode::NOT_FOUND);
    assert_eq!(
        preflight(&gateway, "/_tollgate/v1/plans", APP).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn without_origins_the_backend_answers() {
    let (gateway, backend) = serving("").await;
    let answer = preflight(&gateway, "/orders", APP).await;
    let own = [
        ("access-control-allow-origin", "*"),
        ("access-control-max-age", "1"),
    ];
    assert_eq!(
        (answer.status, told(&answer)),
        (StatusCode::OK, own.to_vec())
    );
    assert_eq!(
        (backend.seen().remove(0).method, backend.seen().len()),
        (Method::OPTIONS, 1)
    );
}
