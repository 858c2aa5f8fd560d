//! An HTTPS server on loopback, whose certificate is signed by a private authority.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{WantsServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

type Bodies = Arc<Mutex<HashMap<String, String>>>;

/// A server that responds with JSON, or with 404 to paths without a response.
pub struct TlsServer {
    address: SocketAddr,
    bodies: Bodies,
    requests: Arc<AtomicUsize>,
    /// Serves until it is dropped.
    _runtime: tokio::runtime::Runtime,
}

impl TlsServer {
    /// Starts a server on a thread of its own.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub fn start() -> Self {
        Self::start_with(acceptor())
    }

    /// Starts a server that requires a client certificate: `client.pem` of the test vectors, or
    /// another one of its authority.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub fn start_with_client_certificates() -> Self {
        Self::start_with(mutual_acceptor())
    }

    fn start_with(acceptor: TlsAcceptor) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Bodies::default();

        let requests = Arc::<AtomicUsize>::default();

        runtime.spawn(accept(
            listener,
            acceptor,
            Arc::clone(&bodies),
            Arc::clone(&requests),
        ));
        Self {
            address,
            bodies,
            requests,
            _runtime: runtime,
        }
    }

    /// Returns the address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// Sets the JSON in the response for a path, with any query.
    pub fn reply(&self, path: &str, body: &serde_json::Value) {
        let mut bodies = self.bodies.lock().unwrap();
        bodies.insert(path.to_owned(), body.to_string());
    }

    /// Returns the number of requests from clients that trust the authority.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Returns the file with the certificate of the authority.
    pub fn authority_file() -> PathBuf {
        vector("authority.pem")
    }

    /// Returns the file with the certificate of another authority.
    pub fn other_authority_file() -> PathBuf {
        vector("client-authority.pem")
    }

    /// Returns the files with a client certificate and its key.
    pub fn client_files() -> [PathBuf; 2] {
        [vector("client.pem"), vector("client.key")]
    }
}

fn vector(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors/tls")
        .join(name)
}

fn acceptor() -> TlsAcceptor {
    acceptor_of(config().with_no_client_auth())
}

/// Returns an acceptor that requires a certificate of the clients' authority.
fn mutual_acceptor() -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(vector("client-authority.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    acceptor_of(config().with_client_cert_verifier(verifier))
}

fn config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn acceptor_of(config: ConfigBuilder<ServerConfig, WantsServerCert>) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(vector("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(vector("server.key")).unwrap();
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    bodies: Bodies,
    requests: Arc<AtomicUsize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, bodies) = (acceptor.clone(), Arc::clone(&bodies));
        let requests = Arc::clone(&requests);
        tokio::spawn(async move { serve(stream, &acceptor, &bodies, &requests).await });
    }
}

/// Serves one request. A client that does not trust the authority, or that has no certificate of the
/// clients' authority, does not get one.
async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, bodies: &Bodies, requests: &AtomicUsize) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }

    requests.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    let body = bodies.lock().unwrap().get(path).cloned();
    let status = if body.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let body = body.unwrap_or_default();
    let response = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
}
