//! Bodies: how large, and how they flow.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tests::{Backend, PRO, Setup, raw};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

const LARGEST: usize = 10_000_000;

async fn length_of(request: Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    Response::new(Full::new(Bytes::from(body.len().to_string())))
}

#[tokio::test]
async fn ten_megabytes_pass_and_a_byte_more_is_413_before_anybody_is_asked() {
    let backend = Backend::start(length_of).await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let whole = gateway
        .call("POST", "/orders")
        .header("x-api-key", PRO)
        .body(vec![b'x'; LARGEST])
        .send()
        .await;
    assert_eq!(
        (whole.status, &*whole.body),
        (StatusCode::OK, LARGEST.to_string().as_bytes())
    );
    // Without a key: the size is refused before the authorizer is asked.
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        LARGEST + 1
    );
    let answer = raw(gateway.address, head).await;
    assert!(
        answer.starts_with("HTTP/1.1 413")
            && answer.ends_with(r#"{"message":"Request Entity Too Large"}"#),
        "{answer}"
    );
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_chunked_body_passes_until_it_is_too_large() {
    let backend = Backend::start(length_of).await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let chunk = format!("f4240\r\n{}\r\n", "x".repeat(1_000_000));
    let fits = raw(
        gateway.address,
        format!("{head}{}0\r\n\r\n", chunk.repeat(10)),
    )
    .await;
    assert!(
        fits.starts_with("HTTP/1.1 200") && fits.ends_with("10000000"),
        "{fits}"
    );
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let sent = async {
        writer
            .write_all(format!("{head}{}1\r\nx\r\n", chunk.repeat(10)).as_bytes())
            .await
    };
    let mut answer = [0; 12];
    let (_, read) = tokio::join!(sent, reader.read_exact(&mut answer));
    assert_eq!((read.unwrap(), &answer), (12, b"HTTP/1.1 413"));
}

/// An event has to fit into 6 MiB, so a body that cannot is refused unread.
#[tokio::test]
async fn a_body_that_fits_into_no_event_is_413_before_it_is_read() {
    let gateway = Setup::default().start().await;
    let head = |path: &str, kind: &str, length: usize| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for (kind, length) in [
        ("application/octet-stream", 4_800_000),
        ("text/plain", 6_300_000),
    ] {
        let answer = raw(
            gateway.address,
            head("/_tollgate/openapi.json", kind, length),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{kind}: {answer}");
    }
    let body = vec![b'x'; 4_000_000];
    let fits = gateway
        .call("GET", "/_tollgate/openapi.json")
        .header("content-type", "text/plain")
        .body(body);
    assert_eq!(fits.send().await.status, StatusCode::OK);
}

/// Sends most of a body of 4 MB, and the rest once `go` is true. Returns the beginning of the
/// response.
async fn upload(address: std::net::SocketAddr, mut go: watch::Receiver<bool>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let sent = async {
        let head =
            "GET /_tollgate/openapi.json HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n";
        writer.write_all(head.as_bytes()).await?;
        writer.write_all(&[b'x'; 3_900_000]).await?;
        let _ = go.wait_for(|go| *go).await;
        writer.write_all(&[b'x'; 100_000]).await
    };
    let mut answer = [0; 12];
    // A request that is refused is not read to its end.
    let read = async { reader.read_exact(&mut answer).await.unwrap() };
    tokio::pin!(read);
    tokio::select! {
        _ = &mut read => {}
        _ = sent => drop(read.await),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Together, the bodies of requests to functions take at most 32 MiB.
#[tokio::test]
async fn bodies_beyond_the_memory_are_503_and_the_others_are_served() {
    let gateway = Setup::default().start().await;
    let (go, wait) = watch::channel(false);
    let mut uploads = tokio::task::JoinSet::new();
    for _ in 0..12 {
        uploads.spawn(upload(gateway.address, wait.clone()));
    }
    for _ in 0..4 {
        assert_eq!(uploads.join_next().await.unwrap().unwrap(), "HTTP/1.1 503");
    }
    go.send(true).unwrap();
    let others = uploads.join_all().await;
    assert!(
        others.iter().any(|answer| answer == "HTTP/1.1 200"),
        "{others:?}"
    );
    let after = upload(gateway.address, wait).await;
    assert_eq!(after, "HTTP/1.1 200", "memory is free again");
}

#[tokio::test]
async fn a_request_body_reaches_the_backend_while_it_is_being_sent() {
    let (seen, mut arrived) = mpsc::unbounded_channel();
    let backend = Backend::start(move |request| {
        let seen = seen.clone();
        async move {
            let mut body = request.into_body();
            while let Some(Ok(frame)) = body.frame().await {
                let _ = seen.send(frame.into_data().unwrap_or_default());
            }
            Response::new(Full::new(Bytes::from("done")))
        }
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut body, channel) = Channel::<Bytes, std::convert::Infallible>::new(1);
    let request = Request::post("/orders")
        .header("host", "a")
        .header("x-api-key", PRO)
        .body(channel)
        .unwrap();
    let answer = tokio::spawn(sender.send_request(request));
    body.send_data(Bytes::from("first")).await.unwrap();
    assert_eq!(arrived.recv().await.as_deref(), Some(b"first".as_slice()));
    body.send_data(Bytes::from("second")).await.unwrap();
    drop(body);
    assert_eq!(arrived.recv().await.as_deref(), Some(b"second".as_slice()));
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_response_body_reaches_the_client_while_it_is_being_made() {
    let (go, wait) = mpsc::unbounded_channel::<()>();
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let backend = Backend::start(move |_| {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            let (mut body, channel) = Channel::<Bytes, std::convert::Infallible>::new(1);
            tokio::spawn(async move {
                let _ = body.send_data(Bytes::from("first")).await;
                wait.lock().await.recv().await;
                let _ = body.send_data(Bytes::from("second")).await;
            });
            Response::new(channel)
        }
    })
    .await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/health")
        .header("host", "a")
        .body(Full::<Bytes>::default())
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "first"
    );
    go.send(()).unwrap();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "second"
    );
}
