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
use tokio::sync::mpsc;

const LARGEST: usize = 10_000_000;

async fn length_of(request: Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Response::new(Full::new(Bytes::from(body.len().to_string())))
}

#[tokio::test]
async fn ten_megabytes_pass_and_a_byte_more_is_413_before_anybody_is_asked() {
    let backend = Backend::start(length_of).await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let whole = gateway.call("POST", "/orders").header("x-api-key", PRO).body(vec![b'x'; LARGEST]).send().await;
    assert_eq!((whole.status, &*whole.body), (StatusCode::OK, LARGEST.to_string().as_bytes()));
    // Without a key: the size is refused before the authorizer is asked.
    let head = format!("POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", LARGEST + 1);
    let answer = raw(gateway.address, head).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.ends_with(r#"{"message":"Request Entity Too Large"}"#),
        "{answer}"
    );
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_chunked_body_passes_until_it_is_too_large() {
    let backend = Backend::start(length_of).await;
    let gateway = Setup::default().backend(backend.address).start().await;
    let head = format!("POST /orders HTTP/1.1\r\nhost: a\r\nx-api-key: {PRO}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("f4240\r\n{}\r\n", "x".repeat(1_000_000));
    let fits = raw(gateway.address, format!("{head}{}0\r\n\r\n", chunk.repeat(10))).await;
    assert!(fits.starts_with("HTTP/1.1 200") && fits.ends_with("10000000"), "{fits}");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let sent = async { writer.write_all(format!("{head}{}1\r\nx\r\n", chunk.repeat(10)).as_bytes()).await };
    let mut answer = [0; 12];
    let (_, read) = tokio::join!(sent, reader.read_exact(&mut answer));
    assert_eq!((read.unwrap(), &answer), (12, b"HTTP/1.1 413"));
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
    let request = Request::post("/orders").header("host", "a").header("x-api-key", PRO).body(channel).unwrap();
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
    let request = Request::get("/health").header("host", "a").body(Full::<Bytes>::default()).unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    go.send(()).unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
}
