//! Large and slow requests, and many connections.

use std::time::Duration;

use console::proxy::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::call::{Call, read};
use crate::setup::{Options, PAGE, Setup, TARGET};

/// The most time for what must end by itself.
const DEADLINE: Duration = Duration::from_secs(30);

async fn limited(limits: Limits) -> Setup {
    let options = Options {
        write: true,
        limits,
        ..Options::default()
    };
    Setup::with(options).await
}

#[tokio::test]
async fn large_body_is_refused() {
    let setup = Setup::writing().await;
    let session = setup.session().await;
    let limit = Limits::default().body_bytes;
    for target in ["/_tollgate/v1/keys", "/_tollgate/console/api/session"] {
        let call = setup
            .sent_by_page("POST", target, &session)
            .text("x".repeat(limit + 1));
        let reply = call.send(setup.address).await;
        assert_eq!(reply.status, 413, "{target}: {reply:?}");
    }
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn body_without_a_session_is_not_read() {
    let setup = Setup::writing().await;
    let call = setup.sent_by_page("POST", "/_tollgate/v1/keys", "wrong");
    let call = call.header("content-length", "1000000");
    let reply = timeout(DEADLINE, call.send(setup.address)).await.unwrap();
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn slow_body_is_refused() {
    let limits = Limits {
        body_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let setup = limited(limits).await;
    let call = setup.sent_by_page("POST", "/_tollgate/v1/keys", &setup.session().await);
    let call = call.header("content-length", "10");
    let reply = timeout(DEADLINE, call.send(setup.address)).await.unwrap();
    assert_eq!(reply.status, 408, "{reply:?}");
    assert!(setup.server.requests().is_empty());
}

#[tokio::test]
async fn slow_head_ends_the_connection() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let setup = limited(limits).await;
    for beginning in [&b""[..], b"GET / HTTP/1.1\r\nhost:"] {
        let mut stream = TcpStream::connect(setup.address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn large_head_is_refused() {
    let setup = Setup::start().await;
    let call = Call::bare("GET", PAGE, &setup.host());
    let many = (0..200).fold(call.clone(), |call, index| {
        call.header(&format!("x-{index}"), "a")
    });
    assert_eq!(many.send(setup.address).await.status, 431);
    let long = call.header("x-long", &"a".repeat(100_000));
    assert_eq!(long.send(setup.address).await.status, 431);
}

#[tokio::test]
async fn ambiguous_length_of_a_body_is_not_smuggled() {
    let setup = Setup::writing().await;
    let call = setup.sent_by_page("POST", "/_tollgate/v1/keys", &setup.session().await);
    let call = call.with("connection", Some("keep-alive"));
    let hidden = setup.sent_by_page("GET", "/_tollgate/v1/hidden", "wrong");
    let call = call
        .header("transfer-encoding", "chunked")
        .header("content-length", "5");
    let mut bytes = call.bytes();
    bytes.extend(b"0\r\n\r\n");
    bytes.extend(hidden.bytes());

    let mut stream = TcpStream::connect(setup.address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let _ = timeout(DEADLINE, read(&mut stream)).await.unwrap();
    let forwarded = setup.server.requests();
    assert!(
        forwarded.iter().all(|request| request.body.is_empty()),
        "{forwarded:?}"
    );
    assert!(
        forwarded
            .iter()
            .all(|request| !request.target.contains("hidden"))
    );
}

#[tokio::test]
async fn idle_connections_do_not_lock_the_page_out() {
    let setup = Setup::start().await;
    let session = setup.session().await;
    let call = setup.sent_by_page("GET", TARGET, &session);
    let call = call.with("connection", Some("keep-alive"));
    let mut trusted = TcpStream::connect(setup.address).await.unwrap();
    exchange(&mut trusted, &call).await;

    let limit = Limits::default().connections;
    let mut idle = Vec::new();
    for _ in 0..limit * 4 {
        idle.push(TcpStream::connect(setup.address).await.unwrap());
    }
    let page = Call::bare("GET", PAGE, &setup.host());
    let reply = timeout(Duration::from_secs(5), page.send(setup.address)).await;
    assert_eq!(
        reply.unwrap().status,
        200,
        "a new connection is served at once"
    );
    exchange(&mut trusted, &call).await;

    // The oldest connections have made room.
    for stream in &mut idle[..limit * 2] {
        let ended = timeout(Duration::from_secs(5), stream.read(&mut [0; 1])).await;
        assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn connections_with_a_session_are_bounded_too() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let setup = limited(limits).await;
    let session = setup.session().await;
    let call = setup.sent_by_page("GET", TARGET, &session);
    let call = call.with("connection", Some("keep-alive"));
    let mut trusted = Vec::new();
    for _ in 0..limits.connections {
        let mut stream = TcpStream::connect(setup.address).await.unwrap();
        exchange(&mut stream, &call).await;
        trusted.push(stream);
    }

    let mut further = TcpStream::connect(setup.address).await.unwrap();
    let ended = timeout(Duration::from_secs(5), further.read(&mut [0; 1])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    exchange(&mut trusted[0], &call).await;
}

/// Sends a request over an open connection, and waits for the beginning of its response.
async fn exchange(stream: &mut TcpStream, call: &Call) {
    stream.write_all(&call.bytes()).await.unwrap();
    let mut beginning = [0; 4_096];
    let length = timeout(DEADLINE, stream.read(&mut beginning))
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&beginning[..length.unwrap()]).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}
