//! Network faults on the way to an API, and client certificates.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;
use testing::{HttpReply, HttpServer, TlsServer};

use crate::program::{text, tollgate};

fn list(url: &str) -> Command {
    let mut command = tollgate(&["plans", "list", "--json", "--url", url]);
    command
        .env_remove("EXTRA_CA_CERTS")
        .env_remove("SSL_CERT_FILE");
    command
}

/// Runs a command that fails with this exit code, and returns its error.
fn failure(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    text(&output.stderr)
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

fn with_plans(server: TlsServer) -> TlsServer {
    let plans = json!({"items": [], "next_cursor": null});
    server.reply("/_tollgate/v1/plans", &plans);
    server
}

#[test]
fn refused_connection_names_the_address_and_how_to_start_a_gateway() {
    let failure = failure(&mut list("http://127.0.0.1:1"), 2);
    assert!(
        failure.starts_with("tollgate: http://127.0.0.1:1: "),
        "{failure}"
    );
    assert!(failure.contains("connection refused"), "{failure}");
    assert!(failure.contains("\n  is the gateway running?"), "{failure}");
}

#[test]
fn unknown_host_is_named() {
    let mut command = list("https://no-such-host.invalid");
    command
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b");
    let failure = failure(&mut command, 2);
    assert!(failure.contains("no-such-host.invalid"), "{failure}");
    assert!(failure.contains("cannot resolve the name"), "{failure}");
}

#[test]
fn private_authority_is_trusted_on_request() {
    let server = with_plans(TlsServer::start());
    let failure = failure(&mut list(&server.url("")), 2);
    assert!(failure.contains("unknown CA"), "{failure}");
    assert!(failure.contains("set EXTRA_CA_CERTS"), "{failure}");

    succeeds(list(&server.url("")).env("EXTRA_CA_CERTS", TlsServer::authority_file()));
}

#[test]
fn certificate_for_another_name_is_explained() {
    let server = with_plans(TlsServer::start());
    let port = server.url("").rsplit_once(':').unwrap().1.to_owned();
    let mut command = list(&format!("https://[::ffff:127.0.0.1]:{port}"));
    command.env("EXTRA_CA_CERTS", TlsServer::authority_file());

    let failure = failure(&mut command, 2);
    assert!(failure.contains("TLS handshake failed"), "{failure}");
    assert!(
        failure.contains("certificate not valid for name"),
        "{failure}"
    );
}

#[test]
fn client_certificate_is_presented() {
    let server = with_plans(TlsServer::start_with_client_certificates());
    let mutual = || {
        let mut command = list(&server.url(""));
        command.env("EXTRA_CA_CERTS", TlsServer::authority_file());
        command
    };

    let without = failure(&mut mutual(), 2);
    assert!(
        without.contains("give it with --cert and --key"),
        "{without}"
    );

    let [certificate, key] = TlsServer::client_files();
    let mut with = mutual();
    with.arg("--cert").arg(certificate).arg("--key").arg(key);
    let output = succeeds(&mut with);
    assert_eq!(text(&output.stdout).trim(), "[]");
}

#[test]
fn client_certificate_is_presented_through_a_proxy() {
    let server = with_plans(TlsServer::start_with_client_certificates());
    let (proxy, connected) = proxy_to(server.url("").trim_start_matches("https://"));
    let [certificate, key] = TlsServer::client_files();
    let mut command = list("https://api.example");
    command
        .arg("--cert")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .env("HTTPS_PROXY", format!("http://{proxy}"))
        .env("EXTRA_CA_CERTS", TlsServer::authority_file())
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b");

    // The server has a certificate for localhost only, so the handshake begins and then fails.
    let failure = failure(&mut command, 2);
    assert!(
        failure.contains("certificate not valid for name"),
        "{failure}"
    );
    let request = connected.recv().unwrap();
    assert!(
        request.starts_with("CONNECT api.example:443 HTTP/1.1"),
        "{request}"
    );
}

/// Starts a proxy that connects every client to `upstream`. Returns its address and the receiver of
/// the requests.
fn proxy_to(upstream: &str) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, upstream) = (listener.local_addr().unwrap(), upstream.to_owned());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let _ = sender.send(head);
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();

            let mut server = TcpStream::connect(&upstream).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let _ = std::io::copy(&mut server, &mut client);
        }
    });
    (address, receiver)
}

#[test]
fn server_of_an_untrusted_authority_gets_no_client_certificate() {
    let server = with_plans(TlsServer::start_with_client_certificates());
    let [certificate, key] = TlsServer::client_files();
    let mut command = list(&server.url(""));
    command.arg("--cert").arg(certificate).arg("--key").arg(key);
    let failure = failure(&mut command, 2);
    assert!(failure.contains("unknown CA"), "{failure}");
}

#[test]
fn incomplete_and_misplaced_certificates_are_errors() {
    let [certificate, key] = TlsServer::client_files();
    let incomplete = failure(list("https://a").arg("--cert").arg(&certificate), 2);
    assert!(incomplete.contains("--key"), "{incomplete}");

    let mut plain = list("http://127.0.0.1:1");
    plain.arg("--cert").arg(&certificate).arg("--key").arg(&key);
    let plain = failure(&mut plain, 2);
    assert_eq!(plain, "tollgate: --cert: expected an https URL\n");
}

#[test]
fn other_servers_are_recognized() {
    let server = HttpServer::start();
    let unknown = failure(&mut list(&server.url()), 2);
    assert!(
        unknown.contains("GET /_tollgate/v1/plans is unknown there"),
        "{unknown}"
    );
    assert!(unknown.contains("is it Tollgate?"), "{unknown}");

    let moved = HttpReply::text(301, "text/html", "").header("location", "https://other.example/");
    server.reply("GET /_tollgate/v1/plans", moved);
    let moved = failure(&mut list(&server.url()), 2);
    assert!(
        moved.contains("redirects to https://other.example/"),
        "{moved}"
    );
}

#[test]
fn control_characters_of_a_server_do_not_reach_the_terminal() {
    let server = HttpServer::start();
    let body = json!({"detail": "a\u{1b}[2Jb"}).to_string();
    let problem = HttpReply::text(409, "application/problem+json", &body);
    server.reply("GET /_tollgate/v1/plans", problem);

    let failure = failure(&mut list(&server.url()), 1);
    assert_eq!(failure, "tollgate: a\\u{1b}[2Jb\n");
}
