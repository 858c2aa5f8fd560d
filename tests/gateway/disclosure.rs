//! What every answer of an integration says to browsers, and what none says of the software behind
//! it.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use tests::{Answer, Backend, FREE, Gateway, PRO, Setup};

/// A backend that tells what it is, and answers with the status that the path asks for.
async fn serving() -> Gateway {
    let backend = Backend::start(|request| async move {
        let asked = request
            .uri()
            .path()
            .rsplit('/')
            .next()
            .and_then(|status| status.parse().ok());
        let answer = Response::builder()
            .status(asked.unwrap_or(StatusCode::OK))
            .header("server", "demo/1.0");
        let answer = answer
            .header("x-powered-by", "demo")
            .header("x-frame-options", "ALLOWALL");
        answer.body(Full::new(Bytes::new())).unwrap()
    })
    .await;
    Setup::default().backend(backend.address).start().await
}

fn assert_hardened(answer: &Answer) {
    let said = [
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "server",
        "x-powered-by",
    ];
    let expected = [
        Some("max-age=31536000"),
        Some("nosniff"),
        Some("DENY"),
        None,
        None,
    ];
    assert_eq!(said.map(|name| answer.header(name)), expected, "{answer:?}");
    assert!(answer.header("x-request-id").is_some(), "{answer:?}");
}

#[tokio::test]
async fn whatever_the_backend_answers_it_says_nothing_of_its_software() {
    let gateway = serving().await;
    for status in [200, 201, 301, 400, 404, 422, 500, 503] {
        let answer = gateway.get(&format!("/answer/{status}"), PRO).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_hardened(&answer);
    }
    let public = gateway.call("GET", "/health").send().await;
    assert_eq!(
        (public.status, public.header("ratelimit")),
        (StatusCode::OK, None)
    );
    assert_hardened(&public);
}

#[tokio::test]
async fn a_listener_rules_answer_is_as_hardened_as_a_backends() {
    let gateway = serving().await;
    for _ in 0..5 {
        assert_eq!(gateway.get("/orders", FREE).await.status, StatusCode::OK);
    }
    let throttled = gateway.get("/orders", FREE).await;
    assert_eq!(throttled.status, StatusCode::TOO_MANY_REQUESTS);
    assert_hardened(&throttled);
}

#[tokio::test]
async fn so_are_the_functions_own() {
    let gateway = serving().await;
    let own = [
        gateway.call("GET", "/_tollgate/v1/plans").send().await,
        gateway
            .call("GET", "/_tollgate/v1/plans/nothing")
            .send()
            .await,
        gateway.call("GET", "/_tollgate/openapi.json").send().await,
        gateway.get("/_tollgate/usage", PRO).await,
    ];
    for (answer, status) in own.iter().zip([200, 404, 200, 200]) {
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        assert_hardened(answer);
    }
}

#[tokio::test]
async fn public_routes_that_are_turned_off_require_credentials() {
    let gateway = Setup::default()
        .parameter("PublicHealth", "false")
        .parameter("PublicDescription", "false")
        .start()
        .await;
    for path in ["/health", "/_tollgate/openapi.json"] {
        let refused = gateway.call("GET", path).send().await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let admitted = gateway.get("/health", PRO).await;
    assert_eq!(admitted.status, StatusCode::OK);
}
