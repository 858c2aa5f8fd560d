//! HTTP calls that are not the SDK's, over real connections.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use aws::{
    Breaker, CallError, Connections, Deadline, Fate, HttpCall, HttpCalls, Proxy, Reach, Replay,
};
use bytes::Bytes;
use http::{Request, Response};
use support::{Answer, Lines, Server, header, refusing};
use telemetry::{ErrorKind, RecordLog, RequestId, RequestScope, TraceParent};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Caller {
    calls: HttpCalls,
    log: Lines,
}

impl Caller {
    fn new() -> Self {
        let log = Lines::default();
        let connections = Connections::reaching(Reach::Local, Duration::from_millis(500));
        Self {
            calls: HttpCalls::new(connections, RecordLog::to(log.clone()), 64 * 1024),
            log,
        }
    }

    async fn send(
        &self,
        method: &str,
        url: &str,
        replay: Replay,
        ms: u64,
    ) -> Result<Response<Bytes>, CallError> {
        let body = Bytes::from_static(b"token=secret");
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", "secret")
            .body(body);
        let call = HttpCall {
            service: "introspection",
            operation: "Introspect",
            request: request.unwrap(),
            replay,
        };
        self.calls
            .send(
                call,
                Deadline::after(Instant::now(), Duration::from_millis(ms)),
            )
            .await
    }

    async fn get(&self, url: &str) -> Result<Response<Bytes>, CallError> {
        self.send("GET", url, Replay::Safe, 5_000).await
    }
}

/// Returns the error of a call that a deployed function makes within some seconds.
async fn deployed_error(url: &str, seconds: u64) -> CallError {
    let connections = Connections::reaching(Reach::Deployed, Duration::from_millis(500));
    let calls = HttpCalls::new(connections, RecordLog::to(Lines::default()), 9);
    let request = Request::get(url).body(Bytes::new()).unwrap();
    let call = HttpCall {
        service: "jwks",
        operation: "Fetch",
        request,
        replay: Replay::Safe,
    };

    let deadline = Deadline::after(Instant::now(), Duration::from_secs(seconds));
    calls.send(call, deadline).await.unwrap_err()
}

#[tokio::test]
async fn an_answer_comes_with_its_body_and_leaves_one_record() {
    let server = Server::start(|_| Answer::Reply(200, "", "hello")).await;
    let caller = Caller::new();
    let answer = caller.get(&server.url()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_ref()),
        (200, b"hello".as_slice())
    );
    let record = caller.log.record();
    assert_eq!(
        (record["service"].as_str(), record["operation"].as_str()),
        (Some("introspection"), Some("Introspect"))
    );
    assert_eq!(
        (record["success"].as_bool(), record["endpoint"].as_str()),
        (Some(true), Some("public"))
    );
}

#[tokio::test]
async fn the_ids_of_the_request_go_out_with_the_call() {
    let server = Server::start(|_| Answer::Reply(200, "", "")).await;
    let caller = Caller::new();
    let scope = RequestScope {
        request_id: RequestId::parse("req-1"),
        traceparent: TraceParent::parse(PARENT),
    };
    scope.serve(caller.get(&server.url())).await.unwrap();
    caller.get(&server.url()).await.unwrap();
    let requests = server.requests();
    let (within, outside) = (&requests[0], &requests[1]);
    assert_eq!(header(within, "x-request-id").as_deref(), Some("req-1"));
    assert_eq!(header(within, "traceparent").as_deref(), Some(PARENT));
    assert_eq!(
        (
            header(outside, "x-request-id"),
            header(outside, "traceparent")
        ),
        (None, None)
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server = Server::start(|_| Answer::Reply(302, "location: /elsewhere\r\n", "")).await;
    let answer = Caller::new().get(&server.url()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_larger_than_the_bound_is_refused() {
    let server = Server::start(|_| Answer::Endless).await;
    let error = Caller::new().get(&server.url()).await.unwrap_err();
    assert!(
        matches!(error, CallError::BodyTooLarge { limit: 65_536, .. }),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_server_error_and_after_a_broken_connection() {
    for broken in [|| Answer::Reply(503, "", ""), || Answer::HangUp] {
        let server = Server::start(move |nth| {
            if nth < 3 {
                broken()
            } else {
                Answer::Reply(200, "", "")
            }
        })
        .await;
        let caller = Caller::new();
        assert_eq!(
            caller.get(&server.url()).await.unwrap().status().as_u16(),
            200
        );
        assert_eq!(server.requests().len(), 3);
        assert_eq!(caller.log.record()["attempts"], 3);
    }
}

#[tokio::test]
async fn what_may_have_happened_is_not_done_again() {
    for broken in [|| Answer::Reply(503, "", ""), || Answer::HangUp] {
        let server = Server::start(move |_| broken()).await;
        let outcome = Caller::new()
            .send("POST", &server.url(), Replay::OnlyIfNotApplied, 5_000)
            .await;
        assert!(outcome.is_ok_and(|answer| answer.status() == 503) || server.requests().len() == 1);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_was_throttled_did_not_happen_and_is_done_again() {
    let server = Server::start(|nth| Answer::Reply(if nth == 1 { 429 } else { 200 }, "", "")).await;
    let answer = Caller::new()
        .send("POST", &server.url(), Replay::OnlyIfNotApplied, 5_000)
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), server.requests().len()),
        (200, 2)
    );
}

#[tokio::test]
async fn a_client_error_is_an_answer_and_not_retried() {
    let server = Server::start(|_| Answer::Reply(404, "", "")).await;
    let caller = Caller::new();
    assert_eq!(
        caller.get(&server.url()).await.unwrap().status().as_u16(),
        404
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["success"], false);
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let server = Server::start(|_| Answer::Silence).await;
    let caller = Caller::new();
    let began = Instant::now();
    let error = caller
        .send("GET", &server.url(), Replay::Safe, 300)
        .await
        .unwrap_err();
    // Three attempts of the table's length would be 18 s; the rest is room for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        (error.kind(), error.fate()),
        (ErrorKind::Timeout, Fate::Unknown)
    );
    assert_eq!(caller.log.record()["error_type"], "timeout");
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    let server = Server::start(|_| Answer::Reply(200, "", "")).await;
    let error = Caller::new()
        .send("GET", &server.url(), Replay::Safe, 0)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::NoTimeLeft { .. }), "{error}");
    assert_eq!((error.fate(), server.connections()), (Fate::NotApplied, 0));
}

#[tokio::test]
async fn a_refused_connection_surely_carried_nothing() {
    let caller = Caller::new();
    let error = caller.get(&refusing().await).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.fate(), error.is_retryable()),
        (ErrorKind::Network, Fate::NotApplied, true)
    );
    assert_eq!(caller.log.record()["attempts"], 3);
}

#[tokio::test]
async fn only_https_is_spoken_and_http_on_loopback_where_permitted() {
    let caller = Caller::new();
    for url in [
        "http://example.com/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "/relative",
        "https://me:secret@example.com/",
    ] {
        let error = caller.get(url).await.unwrap_err();
        assert!(matches!(error, CallError::Address(_)), "{url}: {error}");
    }
    let error = deployed_error("http://127.0.0.1:1/", 1).await;
    assert!(matches!(error, CallError::Address(_)), "{error}");
}

#[tokio::test]
async fn an_error_tells_the_host_and_no_secret() {
    let refused = format!("{}/path-secret?query=secret", refusing().await);
    let silent = Server::start(|_| Answer::Silence).await;
    let lost = Server::start(|_| Answer::HangUp).await;
    for url in [
        refused,
        format!("{}/secret?secret", silent.url()),
        format!("{}/secret?secret", lost.url()),
    ] {
        let error = Caller::new()
            .send("GET", &url, Replay::OnlyIfNotApplied, 300)
            .await
            .unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(
            told.contains("127.0.0.1") && !told.contains("secret"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_deployed_function_does_not_connect_to_a_name_of_its_own_machine() {
    let server = Server::start(|_| Answer::Reply(200, "", "")).await;
    let port = server
        .url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();

    let error = deployed_error(&format!("https://localhost:{port}/"), 5).await;
    assert!(matches!(error, CallError::Address(_)), "{error}");
    assert_eq!(server.connections(), 0);
}

/// An https address whose server does not speak TLS.
async fn without_tls() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    url
}

#[tokio::test]
async fn a_failure_says_what_failed() {
    let lost = Server::start(|_| Answer::HangUp).await;
    let silent = Server::start(|_| Answer::Silence).await;
    for (url, cause, text) in [
        (refusing().await, "refused", "connection refused: "),
        (
            "https://no-such-host.invalid/".to_owned(),
            "dns",
            "cannot resolve the name: ",
        ),
        (without_tls().await, "tls", "TLS handshake failed: "),
        (lost.url(), "broken", "the connection broke: "),
        (silent.url(), "timeout", "within "),
    ] {
        let error = Caller::new()
            .send("GET", &url, Replay::OnceIfNoResponse, 1_000)
            .await
            .unwrap_err();
        assert_eq!(error.cause(), cause, "{url}: {error} {error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn an_overloaded_server_is_not_called_again() {
    for (replay, answer, requests) in [
        (Replay::OnceIfNoResponse, Answer::Reply(429, "", ""), 1),
        (
            Replay::OnceIfNoResponse,
            Answer::Reply(429, "retry-after: 0\r\n", ""),
            1,
        ),
        (Replay::OnceIfNoResponse, Answer::Reply(503, "", ""), 1),
        (Replay::OnceIfNoResponse, Answer::Silence, 1),
        (Replay::OnceIfNoResponse, Answer::HangUp, 2),
        (Replay::Once, Answer::Reply(429, "", ""), 1),
        (
            Replay::Once,
            Answer::Reply(429, "retry-after: 0\r\n", ""),
            2,
        ),
        (Replay::Once, Answer::Reply(503, "", ""), 2),
        (Replay::Once, Answer::Silence, 2),
        (Replay::Once, Answer::HangUp, 2),
    ] {
        let server = Server::start(move |_| answer).await;
        let _ = Caller::new().send("POST", &server.url(), replay, 400).await;
        assert_eq!(server.requests().len(), requests, "{replay:?}");
    }
}

#[tokio::test]
async fn a_breaker_spares_a_server_that_is_down() {
    let server = Server::start(|_| Answer::Reply(503, "", "")).await;
    let (caller, breaker) = (Caller::new(), Breaker::new("introspection"));
    for _ in 0..20 {
        let request = Request::get(server.url()).body(Bytes::new()).unwrap();
        let replay = Replay::OnceIfNoResponse;
        let call = HttpCall {
            service: "introspection",
            operation: "Introspect",
            request,
            replay,
        };
        let deadline = Deadline::after(Instant::now(), Duration::from_secs(5));
        let outcome = caller.calls.send_guarded(&breaker, call, deadline).await;
        assert!(
            matches!(outcome, Ok(_) | Err(CallError::BreakerOpen { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(server.requests().len(), 5);
}

/// A proxy that refuses to connect anywhere, and says whom it was asked for.
async fn proxy() -> Server {
    Server::start(|_| Answer::Reply(403, "", "")).await
}

async fn get_through(url: &str, variables: &[(&str, &str)]) -> Result<Response<Bytes>, CallError> {
    let lookup = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let proxy = Proxy::from_lookup(lookup).unwrap();
    let connections = Connections::through(proxy.as_ref(), Duration::from_millis(500));
    let calls = HttpCalls::new(connections, RecordLog::to(std::io::sink()), 64 * 1024);
    let request = Request::get(url)
        .header("authorization", "secret")
        .body(Bytes::new())
        .unwrap();
    let call = HttpCall {
        service: "jwks",
        operation: "GetKeys",
        request,
        replay: Replay::Once,
    };
    calls
        .send(
            call,
            Deadline::after(Instant::now(), Duration::from_secs(2)),
        )
        .await
}

#[tokio::test]
async fn another_host_is_reached_through_the_proxy_without_resolving_its_name() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = proxy().await;
        let address = format!("http://me:hush@{}", proxy.address);
        let error = get_through("https://auth.example.invalid/keys", &[(variable, &address)])
            .await
            .unwrap_err();

        let asked = proxy.requests();
        assert!(
            asked[0].starts_with("CONNECT auth.example.invalid:443 "),
            "{variable}: {asked:?}"
        );
        assert_eq!(
            header(&asked[0], "proxy-authorization").as_deref(),
            Some("Basic bWU6aHVzaA=="),
            "{asked:?}"
        );
        assert!(
            !asked.iter().any(|request| request.contains("secret")),
            "{asked:?}"
        );
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn excluded_hosts_are_called_directly() {
    for excluded in [
        "example.invalid",
        ".example.invalid",
        "*",
        "other.invalid, auth.example.invalid",
    ] {
        let proxy = proxy().await;
        let variables = [("HTTPS_PROXY", &*proxy.url()), ("NO_PROXY", excluded)];
        let error = get_through("https://auth.example.invalid/keys", &variables)
            .await
            .unwrap_err();
        assert_eq!(
            (error.cause(), proxy.connections()),
            ("dns", 0),
            "{excluded}"
        );
    }
}

#[tokio::test]
async fn loopback_is_never_behind_the_proxy() {
    let proxy = proxy().await;
    let server = Server::start(|_| Answer::Reply(200, "", "keys")).await;
    let url = proxy.url();
    let variables = [
        ("HTTPS_PROXY", &*url),
        ("HTTP_PROXY", &*url),
        ("ALL_PROXY", &*url),
    ];

    let port = server.address.port();
    assert_eq!(
        get_through(&server.url(), &variables)
            .await
            .unwrap()
            .body()
            .as_ref(),
        b"keys"
    );
    assert_eq!(
        get_through(&format!("http://localhost:{port}/"), &variables)
            .await
            .unwrap()
            .body()
            .as_ref(),
        b"keys"
    );
    assert!(
        get_through(&format!("https://127.0.0.1:{port}/"), &variables)
            .await
            .is_err()
    );
    assert_eq!(proxy.connections(), 0);
}
