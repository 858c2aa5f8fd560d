//! HTTP calls without an SDK client, over real connections.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use aws::{
    Breaker, CallError, Connections, Deadline, ExtraAuthorities, Fate, HttpCall, HttpCalls, Proxy,
    Reach, Replay,
};
use bytes::Bytes;
use http::{Request, Response};
use support::{Action, Lines, Server, header, refusing};
use telemetry::{ErrorKind, RecordLog, RequestId, RequestScope, TraceParent};
use testing::TlsServer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Caller {
    calls: HttpCalls,
    log: Lines,
}

impl Caller {
    fn new() -> Self {
        Self::reaching(Reach::Local)
    }

    fn reaching(reach: Reach) -> Self {
        let log = Lines::default();
        let connections = Connections::reaching(reach, Duration::from_millis(500));
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
            service: "introspection".into(),
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
        service: "jwks".into(),
        operation: "Fetch",
        request,
        replay: Replay::Safe,
    };

    let deadline = Deadline::after(Instant::now(), Duration::from_secs(seconds));
    calls.send(call, deadline).await.unwrap_err()
}

#[tokio::test]
async fn response_has_its_body_and_one_record() {
    let server = Server::start(|_| Action::Reply(200, "", "hello")).await;
    let caller = Caller::new();
    let response = caller.get(&server.url()).await.unwrap();

    assert_eq!(
        (response.status().as_u16(), response.body().as_ref()),
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
async fn call_carries_the_ids_of_the_request() {
    let server = Server::start(|_| Action::Reply(200, "", "")).await;
    let caller = Caller::new();
    let scope = RequestScope {
        request_id: RequestId::parse("req-1"),
        traceparent: TraceParent::parse(PARENT),
    };
    scope
        .serve("test", caller.get(&server.url()))
        .await
        .unwrap();
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
async fn redirect_is_not_followed() {
    let server = Server::start(|_| Action::Reply(302, "location: /elsewhere\r\n", "")).await;
    let response = Caller::new().get(&server.url()).await.unwrap();
    assert_eq!(response.status().as_u16(), 302);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn body_over_the_limit_is_rejected() {
    let server = Server::start(|_| Action::Endless).await;
    let error = Caller::new().get(&server.url()).await.unwrap_err();

    assert!(
        matches!(error, CallError::BodyTooLarge { limit: 65_536, .. }),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn read_is_retried_after_server_errors_and_broken_connections() {
    for broken in [|| Action::Reply(503, "", ""), || Action::HangUp] {
        let server = Server::start(move |nth| {
            if nth < 3 {
                broken()
            } else {
                Action::Reply(200, "", "")
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
async fn call_with_unknown_fate_is_not_retried() {
    let failing = Server::start(|_| Action::Reply(503, "", "")).await;
    let lost = Server::start(|_| Action::HangUp).await;

    let response = Caller::new()
        .send("POST", &failing.url(), Replay::OnlyIfNotApplied, 5_000)
        .await
        .unwrap();
    let error = Caller::new()
        .send("POST", &lost.url(), Replay::OnlyIfNotApplied, 5_000)
        .await
        .unwrap_err();

    assert_eq!(response.status(), 503);
    assert_eq!(error.fate(), Fate::Unknown);
    assert_eq!((failing.requests().len(), lost.requests().len()), (1, 1));
}

#[tokio::test]
async fn throttled_call_is_retried() {
    let server = Server::start(|nth| Action::Reply(if nth == 1 { 429 } else { 200 }, "", "")).await;
    let response = Caller::new()
        .send("POST", &server.url(), Replay::OnlyIfNotApplied, 5_000)
        .await
        .unwrap();

    assert_eq!(
        (response.status().as_u16(), server.requests().len()),
        (200, 2)
    );
}

#[tokio::test]
async fn client_error_is_not_retried() {
    let server = Server::start(|_| Action::Reply(404, "", "")).await;
    let caller = Caller::new();

    assert_eq!(
        caller.get(&server.url()).await.unwrap().status().as_u16(),
        404
    );
    assert_eq!(server.requests().len(), 1);
    assert_eq!(caller.log.record()["success"], false);
}

#[tokio::test]
async fn silent_server_takes_no_longer_than_the_deadline() {
    let server = Server::start(|_| Action::Silence).await;
    let caller = Caller::new();
    let began = Instant::now();
    let error = caller
        .send("GET", &server.url(), Replay::Safe, 300)
        .await
        .unwrap_err();
    // Without the deadline, three attempts would take 18 s. The limit leaves room for a busy
    // machine.
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
async fn nothing_is_sent_after_the_deadline() {
    let server = Server::start(|_| Action::Reply(200, "", "")).await;
    let error = Caller::new()
        .send("GET", &server.url(), Replay::Safe, 0)
        .await
        .unwrap_err();

    assert!(matches!(error, CallError::NoTimeLeft { .. }), "{error}");
    assert_eq!((error.fate(), server.connections()), (Fate::NotApplied, 0));
}

#[tokio::test]
async fn call_over_a_refused_connection_is_not_applied() {
    let caller = Caller::new();
    let error = caller.get(&refusing().await).await.unwrap_err();

    assert_eq!(
        (error.kind(), error.fate(), error.is_retryable()),
        (ErrorKind::Network, Fate::NotApplied, true)
    );
    assert_eq!(caller.log.record()["attempts"], 3);
}

#[tokio::test]
async fn only_https_and_permitted_loopback_http_are_called() {
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
async fn error_names_the_host_and_no_secret() {
    let refused = format!("{}/path-secret?query=secret", refusing().await);
    let silent = Server::start(|_| Action::Silence).await;
    let lost = Server::start(|_| Action::HangUp).await;
    for url in [
        refused,
        format!("{}/secret?secret", silent.url()),
        format!("{}/secret?secret", lost.url()),
    ] {
        let error = Caller::new()
            .send("GET", &url, Replay::OnlyIfNotApplied, 300)
            .await
            .unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("127.0.0.1") && !text.contains("secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn deployed_function_does_not_connect_to_loopback_names() {
    let server = Server::start(|_| Action::Reply(200, "", "")).await;
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

/// Returns an https address whose server does not use TLS.
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
async fn error_names_its_cause() {
    let lost = Server::start(|_| Action::HangUp).await;
    let silent = Server::start(|_| Action::Silence).await;
    // The resolver itself rejects a label of 64 characters (RFC 1035, section 2.3.4), so no query
    // is sent. With https, TLS would reject the name first.
    let unresolvable = format!("http://{}.example/", "x".repeat(64));
    for (url, cause, text) in [
        (refusing().await, "refused", "connection refused: "),
        (unresolvable, "dns", "cannot resolve the name: "),
        (without_tls().await, "tls", "TLS handshake failed: "),
        (lost.url(), "broken", "the connection broke: "),
        (silent.url(), "timeout", "within "),
    ] {
        let error = Caller::reaching(Reach::Any)
            .send("GET", &url, Replay::OnceIfNoResponse, 1_000)
            .await
            .unwrap_err();
        assert_eq!(error.cause(), cause, "{url}: {error} {error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// Calls a server with a private authority.
async fn call_with_private_authority(
    authorities: &ExtraAuthorities,
) -> Result<Response<Bytes>, CallError> {
    let server = tokio::task::spawn_blocking(TlsServer::start).await.unwrap();
    server.reply("/keys", &serde_json::json!({"keys": []}));
    let connections = Connections::reaching(Reach::Local, Duration::from_secs(5));
    let calls = HttpCalls::new(connections, RecordLog::to(Lines::default()), 1_024);
    let calls = calls.trusting(authorities);
    let call = HttpCall {
        service: "jwks".into(),
        operation: "Fetch",
        request: Request::get(server.url("/keys"))
            .body(Bytes::new())
            .unwrap(),
        replay: Replay::Once,
    };

    let response = calls
        .send(
            call,
            Deadline::after(Instant::now(), Duration::from_secs(5)),
        )
        .await;
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
    response
}

#[tokio::test]
async fn private_authority_is_trusted_only_if_it_is_given() {
    let file = TlsServer::authority_file();
    let authorities = ExtraAuthorities::read("EXTRA_CA_CERTS", file.to_str().unwrap()).unwrap();
    let response = call_with_private_authority(&authorities).await.unwrap();
    assert_eq!(response.body().as_ref(), br#"{"keys":[]}"#);

    let error = call_with_private_authority(&ExtraAuthorities::default())
        .await
        .unwrap_err();
    assert_eq!(error.cause(), "unknown_ca", "{error:?}");
    assert!(error.to_string().contains("unknown CA"), "{error}");
}

#[tokio::test]
async fn replay_decides_whether_an_overloaded_server_is_called_again() {
    for (replay, action, requests) in [
        (Replay::Never, Action::Reply(503, "", ""), 1),
        (Replay::Never, Action::HangUp, 1),
        (Replay::OnceIfNoResponse, Action::Reply(429, "", ""), 1),
        (
            Replay::OnceIfNoResponse,
            Action::Reply(429, "retry-after: 0\r\n", ""),
            1,
        ),
        (Replay::OnceIfNoResponse, Action::Reply(503, "", ""), 1),
        (Replay::OnceIfNoResponse, Action::Silence, 1),
        (Replay::OnceIfNoResponse, Action::HangUp, 2),
        (Replay::UntilDeadline, Action::Silence, 1),
        (Replay::UntilDeadline, Action::Reply(500, "", ""), 1),
        (Replay::UntilDeadline, Action::Reply(408, "", ""), 1),
        (Replay::UntilDeadline, Action::Reply(429, "", ""), 1),
        (
            Replay::UntilDeadline,
            Action::Reply(429, "retry-after: 0\r\n", ""),
            1,
        ),
        (
            Replay::UntilDeadline,
            Action::Reply(503, "retry-after: 30\r\n", ""),
            1,
        ),
        (Replay::Once, Action::Reply(429, "", ""), 1),
        (
            Replay::Once,
            Action::Reply(429, "retry-after: 0\r\n", ""),
            2,
        ),
        (Replay::Once, Action::Reply(503, "", ""), 2),
        (Replay::Once, Action::Silence, 2),
        (Replay::Once, Action::HangUp, 2),
    ] {
        let server = Server::start(move |_| action).await;
        // Two attempts share the time. A response needs little of it, and silence takes all of it.
        let ms = if matches!(action, Action::Silence) {
            1_000
        } else {
            2_000
        };
        let _ = Caller::new().send("POST", &server.url(), replay, ms).await;
        assert_eq!(server.requests().len(), requests, "{replay:?}");
    }
}

#[tokio::test]
async fn open_breaker_stops_calls_of_a_failing_server() {
    let server = Server::start(|_| Action::Reply(503, "", "")).await;
    let (caller, breaker) = (Caller::new(), Breaker::new("introspection"));
    for _ in 0..20 {
        let request = Request::get(server.url()).body(Bytes::new()).unwrap();
        let replay = Replay::OnceIfNoResponse;
        let call = HttpCall {
            service: "introspection".into(),
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

/// Starts a proxy that records requests and refuses all of them.
async fn proxy() -> Server {
    Server::start(|_| Action::Reply(403, "", "")).await
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
        service: "jwks".into(),
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
async fn other_hosts_are_called_through_the_proxy_unresolved() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = proxy().await;
        let address = format!("http://me:hush@{}", proxy.address);
        let error = get_through("https://auth.example.invalid/keys", &[(variable, &address)])
            .await
            .unwrap_err();

        let requests = proxy.requests();
        assert!(
            requests[0].starts_with("CONNECT auth.example.invalid:443 "),
            "{variable}: {requests:?}"
        );
        assert_eq!(
            header(&requests[0], "proxy-authorization").as_deref(),
            Some("Basic bWU6aHVzaA=="),
            "{requests:?}"
        );
        assert!(
            !requests.iter().any(|request| request.contains("secret")),
            "{requests:?}"
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
async fn loopback_is_called_without_the_proxy() {
    let proxy = proxy().await;
    let server = Server::start(|_| Action::Reply(200, "", "keys")).await;
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
