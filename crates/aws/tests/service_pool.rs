//! The connection pool for services of the operator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use aws::{
    CallError, Connections, Deadline, ExtraAuthorities, Fate, HttpCall, HttpCalls, Reach, Replay,
};
use bytes::Bytes;
use http::{Request, Response};
use support::{Action, Lines, Server, refusing};
use telemetry::RecordLog;
use testing::TlsServer;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

fn calls(reach: Reach) -> HttpCalls {
    let connections = Connections::for_services(reach, Duration::from_secs(1), 32);
    HttpCalls::new(connections, RecordLog::to(Lines::default()), 1_024)
}

async fn get(calls: &HttpCalls, url: &str) -> Result<Response<Bytes>, CallError> {
    let call = HttpCall {
        service: "service:users".into(),
        operation: "GET",
        request: Request::get(url).body(Bytes::new()).unwrap(),
        replay: Replay::UntilDeadline,
    };
    let deadline = Deadline::after(Instant::now(), Duration::from_secs(5));
    calls.send(call, deadline).await
}

#[tokio::test]
async fn http_calls_share_connections() {
    let server = Server::start(|_| Action::Reply(200, "", "hello")).await;
    let calls = calls(Reach::Any);
    for _ in 0..5 {
        let response = get(&calls, &server.url()).await.unwrap();
        assert_eq!(response.body().as_ref(), b"hello");
        get(&calls.clone(), &server.url()).await.unwrap();
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 10));
}

#[tokio::test]
async fn timeout_is_recorded_with_the_configured_name() {
    let silent = Server::start(|_| Action::Silence).await;
    let log = Lines::default();
    let connections = Connections::for_services(Reach::Any, Duration::from_secs(1), 32);
    let calls = HttpCalls::new(connections, RecordLog::to(log.clone()), 1_024);
    let call = HttpCall {
        service: format!("service:{}", "users").into(),
        operation: "GET",
        request: Request::get(silent.url()).body(Bytes::new()).unwrap(),
        replay: Replay::UntilDeadline,
    };

    let deadline = Deadline::after(Instant::now(), Duration::from_millis(200));
    let (outcome, attempts) = calls.send_counted(call, deadline).await;
    assert!(
        matches!(outcome, Err(CallError::TimedOut { .. })),
        "{outcome:?}"
    );
    assert_eq!(attempts, 1);
    let record = log.record();
    assert_eq!(
        (record["service"].as_str(), record["error_type"].as_str()),
        (Some("service:users"), Some("timeout"))
    );
}

#[tokio::test]
async fn https_calls_use_the_authorities_of_the_pool() {
    let file = TlsServer::authority_file();
    let ours = ExtraAuthorities::read("EXTRA_CA_CERTS", file.to_str().unwrap()).unwrap();
    let server = tokio::task::spawn_blocking(TlsServer::start).await.unwrap();
    server.reply("/a", &serde_json::json!({"a": 1}));
    let url = server.url("/a");

    let trusting = calls(Reach::Any).trusting(&ours);
    trusting.connections().prepare_tls();
    let response = get(&trusting, &url).await.unwrap();
    assert_eq!(response.body().as_ref(), br#"{"a":1}"#);

    let error = get(&calls(Reach::Any), &url).await.unwrap_err();
    assert_eq!(error.cause(), "unknown_ca", "{error:?}");
    let error = get(&calls(Reach::Services).trusting(&ours), &url)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Address(_)), "{error:?}");
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

#[tokio::test]
async fn causes_of_failures_are_those_of_other_pools() {
    let lost = Server::start(|_| Action::HangUp).await;
    let text = Server::start(|_| Action::Reply(200, "no colon\r\n", "")).await;
    let large = Server::start(|_| Action::Endless).await;
    // The resolver itself rejects a label of 64 characters (RFC 1035, section 2.3.4), so no query
    // is sent.
    let unresolvable = format!("http://{}.example/", "x".repeat(64));
    for (url, cause, text) in [
        (refusing().await, "refused", "connection refused: "),
        (unresolvable, "dns", "cannot resolve the name: "),
        (lost.url(), "broken", "the connection broke: "),
        (
            text.url(),
            "invalid_response",
            "the response is not valid HTTP: ",
        ),
        (large.url(), "too_large", "is larger than 1024 bytes"),
    ] {
        let error = get(&calls(Reach::Any), &url).await.unwrap_err();
        assert_eq!(error.cause(), cause, "{url}: {error} {error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// Returns a listener that accepts no further connections, and the connections that fill its queue.
async fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();

    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (listener, waiting)
}

#[tokio::test]
async fn host_that_does_not_accept_connections_takes_the_connect_timeout() {
    let (listener, _waiting) = full_listener().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Connections::for_services(Reach::Any, Duration::from_millis(200), 32);
    let calls = HttpCalls::new(connections, RecordLog::to(Lines::default()), 1_024);

    let began = Instant::now();
    let error = get(&calls, &url).await.unwrap_err();
    assert_eq!(
        (error.cause(), error.fate()),
        ("connect_timeout", Fate::NotApplied)
    );
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn deployed_function_reaches_no_name_of_its_own_machine() {
    let server = Server::start(|_| Action::Reply(200, "", "")).await;
    let port = server.address.port();
    for host in ["localhost", "127.1", "2130706433", "0x7f.1", "[::1]"] {
        let url = format!("http://{host}:{port}/");
        let error = get(&calls(Reach::Services), &url).await.unwrap_err();
        assert!(matches!(error, CallError::Address(_)), "{host}: {error:?}");
    }
    assert_eq!(server.connections(), 0);
}
