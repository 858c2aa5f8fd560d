//! Backends that refuse, break, dawdle, and the gateway that outlives them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use http_body_util::channel::Channel;
use serde_json::json;
use tests::{Backend, PRO, Setup, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// An address that nobody listens on.
async fn closed_port() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn a_backend_that_refuses_connections_is_502_as_a_load_balancer_says_it() {
    let gateway = Setup::default().backend(closed_port().await).start().await;
    for _ in 0..3 {
        let answer = gateway.get("/orders", PRO).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(String::from_utf8_lossy(&answer.body).contains("<h1>502 Bad Gateway</h1>"));
        assert!(
            answer.header("ratelimit").is_some(),
            "502 is a status with limits"
        );
    }
    assert_eq!(
        gateway.call("GET", "/orders").send().await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn without_a_load_balancer_an_unreachable_backend_is_503_in_api_gateways_words() {
    let gateway = Setup::default()
        .parameter("CreateVpcLink", "false")
        .backend(closed_port().await)
        .start()
        .await;
    let answer = gateway.get("/orders", PRO).await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"message": "Service Unavailable"})
        )
    );
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_502() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "nonsense\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        let gateway = Setup::default().backend(address).start().await;
        assert_eq!(
            gateway.get("/orders", PRO).await.status,
            StatusCode::BAD_GATEWAY,
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_upload_that_goes_on_after_the_answer_ends_with_the_integrations_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Setup::default()
        .backend(listener.local_addr().unwrap())
        .replace("TimeoutInMillis: 25000", "TimeoutInMillis: 1000")
        .start()
        .await;
    let mut client = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ncontent-length: 1000\r\n\r\nx"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut target, _) = listener.accept().await.unwrap();
    let _ = target.read(&mut [0; 1024]).await.unwrap();
    target
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    // The client sends nothing more and the target waits for the rest: the gateway ends both.
    let mut rest = Vec::new();
    let ended = async { target.read_to_end(&mut rest).await };
    assert!(
        tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_backend_that_breaks_off_is_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 64]).await;
        }
    });
    let gateway = Setup::default().backend(address).start().await;
    assert_eq!(
        gateway.get("/orders", PRO).await.status,
        StatusCode::BAD_GATEWAY
    );
}

/// A backend that sends these bytes as its answer to every request and closes the connection.
async fn sending(bytes: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 8192]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

/// The only line of the access log, once it is there.
async fn only_line(gateway: &tests::Gateway) -> serde_json::Value {
    loop {
        let mut lines = gateway.log();
        if !lines.is_empty() {
            assert_eq!(lines.len(), 1, "{lines:?}");
            return lines.remove(0);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_body_that_breaks_before_its_first_byte_is_502_for_the_client_and_in_the_log() {
    for answer in [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot-a-length\r\nhello\r\n0\r\n\r\n"
            .as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    ] {
        let text = String::from_utf8_lossy(answer);
        let gateway = Setup::default()
            .backend(sending(answer).await)
            .start()
            .await;
        assert_eq!(
            gateway.get("/orders", PRO).await.status,
            StatusCode::BAD_GATEWAY,
            "{text:?}"
        );
        let line = only_line(&gateway).await;
        assert_eq!(
            (&line["status"], &line["integration_status"]),
            (&json!("502"), &json!("502")),
            "{text:?}"
        );
        assert_eq!(
            line["integration_error"], "the target refused or broke the connection",
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_midway_ends_the_connection_and_the_log_says_why() {
    for answer in [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nnot-a-length\r\n"
            .as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
    ] {
        let text = String::from_utf8_lossy(answer);
        let gateway = Setup::default()
            .backend(sending(answer).await)
            .start()
            .await;
        let head = format!("GET /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\n\r\n");
        let received = raw(gateway.address, head).await;
        assert!(
            !received.ends_with("0\r\n\r\n") && !received.contains("content-length: 5"),
            "{received:?}"
        );
        let line = only_line(&gateway).await;
        assert_eq!(
            line["integration_error"], "the backend broke off its response",
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn a_backend_slower_than_the_integration_is_503_in_api_gateways_words() {
    let backend = Backend::start(|_| std::future::pending::<Response<Full<Bytes>>>()).await;
    let gateway = Setup::default()
        .backend(backend.address)
        .replace("TimeoutInMillis: 25000", "TimeoutInMillis: 50")
        .start()
        .await;
    let answer = gateway.get("/orders", PRO).await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"message": "Service Unavailable"})
        )
    );
    assert_eq!(
        gateway.call("GET", "/orders").send().await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_response_that_outlasts_the_integration_is_cut_off_and_not_passed_off_as_whole() {
    let backend = Backend::start(|_| async {
        let (mut body, channel) = Channel::<Bytes, std::convert::Infallible>::new(1);
        tokio::spawn(async move {
            let _ = body.send_data(Bytes::from("first")).await;
            std::future::pending::<()>().await;
        });
        Response::new(channel)
    })
    .await;
    let gateway = Setup::default()
        .backend(backend.address)
        .replace("TimeoutInMillis: 25000", "TimeoutInMillis: 1000")
        .start()
        .await;
    let answer = raw(gateway.address, "GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(
        answer.contains("first") && !answer.ends_with("0\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn statuses_and_headers_of_the_backend_pass_through() {
    let backend = Backend::start(|_| async {
        let mut response = Response::new(Full::new(Bytes::from("gone")));
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        response
            .headers_mut()
            .append("set-cookie", "a=1".parse().unwrap());
        response
            .headers_mut()
            .append("set-cookie", "b=2".parse().unwrap());
        response
            .headers_mut()
            .insert("connection", "x-hop".parse().unwrap());
        response.headers_mut().insert("x-hop", "1".parse().unwrap());
        response
            .headers_mut()
            .insert("retry-after", "7".parse().unwrap());
        response
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let answer = gateway.get("/orders", PRO).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (StatusCode::GATEWAY_TIMEOUT, b"gone".as_slice())
    );
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(
        (answer.header("x-hop"), answer.header("retry-after")),
        (None, Some("7"))
    );
}

#[tokio::test]
async fn a_gateway_that_is_stopped_finishes_what_is_under_way() {
    let backend = Backend::start(|_| async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Response::new(Full::new(Bytes::from("late")))
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let (address, call) = (gateway.address, gateway.call("GET", "/health"));
    let under_way = tokio::spawn(call.send());
    while backend.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    let stopped = gateway.stop();
    assert_eq!(under_way.await.unwrap().body, "late");
    let began = Instant::now();
    stopped.await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "idle connections are not waited for"
    );
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
