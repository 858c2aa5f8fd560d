//! Connections without TLS, or with an old version of it.

use std::io::ErrorKind;
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client_hello::{ServerReply, client_hello_1_1, server_reply};
use super::context::Requests;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "tls-only",
    group: Group::Requests,
    title: "The API is reached by TLS 1.2 or newer only",
    explanation: "Keys and tokens are in headers, which anyone on the network path reads without \
                  TLS. The check connects to port 80 of the API, where nothing may serve requests, \
                  and offers TLS 1.1, which the API must refuse.",
    fix: "Set the security policy of the domain to TLS_1_2. If a proxy or CDN is in front of the \
          API, close its port 80, or let it redirect to https.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Requests> = Entry {
    check: &CHECK,
    run: |requests| Box::pin(async { Ok(check(requests).await) }),
};

const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// The time for a connection, and for a response.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More than the head of a response, or the first message of a handshake, in bytes.
const MAX_READ_BYTES: usize = 1_024;

/// The result of a connection to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attempt {
    /// There is no way to the host: for example, its name does not resolve.
    Unreachable,
    /// The host refused the connection.
    Refused,
    /// The host accepted the connection, and closed it without a response.
    Closed,
    /// The host did not respond.
    Silent,
    /// The host sent these bytes.
    Sent(Vec<u8>),
}

async fn check(requests: &Requests) -> Verdict {
    let uri: Uri = requests.client.url().parse().unwrap_or_default();
    let (Some("https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Verdict::not_applicable("the API is on this machine, without TLS");
    };
    if requests.client.has_proxy() {
        return Verdict::not_proven("connections go through a proxy")
            .with_fix("Run the check without HTTPS_PROXY, from a machine that needs no proxy.");
    }
    let port = uri.port_u16().unwrap_or(HTTPS_PORT);
    check_host(host, HTTP_PORT, port).await
}

async fn check_host(host: &str, http_port: u16, https_port: u16) -> Verdict {
    let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let plain = attempt(host, http_port, request.as_bytes()).await;
    let old = attempt(host, https_port, &client_hello_1_1(host)).await;

    let findings = [plain_finding(http_port, &plain), old_finding(&old)];
    let texts = |is_wanted: fn(&Finding) -> bool| -> Vec<String> {
        let wanted = findings.iter().filter(|finding| is_wanted(finding));
        wanted.map(|finding| finding.text().to_owned()).collect()
    };
    let problems = texts(|it| matches!(it, Finding::Problem(_)));
    let shown = texts(|it| matches!(it, Finding::Shown(_)));
    let open = texts(|it| matches!(it, Finding::Open(_)));
    if !problems.is_empty() || open.is_empty() {
        return Verdict::of_problems(problems, shown.join(", "));
    }
    let mut verdict = Verdict::not_proven(open.join(", "));
    verdict.details.extend(shown);
    verdict.with_fix("Run the check from another network, without a firewall for the port.")
}

/// The result of one connection.
enum Finding {
    Shown(String),
    Problem(String),
    /// Neither, and why.
    Open(String),
}

impl Finding {
    fn text(&self) -> &str {
        let (Self::Shown(text) | Self::Problem(text) | Self::Open(text)) = self;
        text
    }
}

/// Returns what a request without TLS has shown.
fn plain_finding(port: u16, attempt: &Attempt) -> Finding {
    let bytes = match attempt {
        Attempt::Refused => return Finding::Shown(format!("port {port} refuses connections")),
        Attempt::Closed => return Finding::Shown(format!("port {port} closes connections")),
        Attempt::Unreachable => {
            return Finding::Open(format!("port {port} cannot be reached"));
        }
        Attempt::Silent => {
            let seconds = TIMEOUT.as_secs();
            return Finding::Open(format!(
                "port {port} does not respond within {seconds} s, perhaps because of a firewall"
            ));
        }
        Attempt::Sent(bytes) => bytes,
    };

    let head = String::from_utf8_lossy(bytes);
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.get(..3)?.parse::<u16>().ok());
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.trim().to_owned())
    });
    match status {
        Some(status @ 300..=399) => match location {
            Some(place) if place.starts_with("https://") => {
                Finding::Shown(format!("port {port} redirects to https"))
            }
            _ => Finding::Problem(format!(
                "port {port} returned {status}, not to an https URL"
            )),
        },
        Some(status @ 400..=499) => Finding::Shown(format!("port {port} returned {status}")),
        Some(status) => Finding::Problem(format!(
            "port {port} returned {status} without TLS, expected a refusal or a redirect"
        )),
        None => Finding::Shown(format!("port {port} does not speak HTTP")),
    }
}

/// Returns what the offer of TLS 1.1 has shown.
fn old_finding(attempt: &Attempt) -> Finding {
    let bytes = match attempt {
        Attempt::Sent(bytes) => bytes,
        Attempt::Closed => return Finding::Shown("TLS 1.1 is refused".to_owned()),
        // Without a connection, nothing is known about TLS.
        Attempt::Refused | Attempt::Unreachable => {
            return Finding::Open("the API accepts no connections".to_owned());
        }
        Attempt::Silent => {
            return Finding::Open("the offer of TLS 1.1 got no response".to_owned());
        }
    };
    match server_reply(bytes) {
        ServerReply::Alert => Finding::Shown("TLS 1.1 is refused".to_owned()),
        ServerReply::Hello => {
            Finding::Problem("the API accepts TLS 1.1, expected TLS 1.2 or newer".to_owned())
        }
        ServerReply::Other => Finding::Open("the response to TLS 1.1 is not one of TLS".to_owned()),
    }
}

/// Sends bytes and returns the beginning of the response.
async fn attempt(host: &str, port: u16, bytes: &[u8]) -> Attempt {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = match timeout(TIMEOUT, TcpStream::connect((host, port))).await {
        Err(_) => return Attempt::Silent,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return Attempt::Refused,
        Ok(Err(_)) => return Attempt::Unreachable,
        Ok(Ok(stream)) => stream,
    };

    let exchange = async {
        stream.write_all(bytes).await?;
        let mut buffer = vec![0; MAX_READ_BYTES];
        let count = stream.read(&mut buffer).await?;
        buffer.truncate(count);
        std::io::Result::Ok(buffer)
    };
    match timeout(TIMEOUT, exchange).await {
        Err(_) => Attempt::Silent,
        Ok(Ok(bytes)) if !bytes.is_empty() => Attempt::Sent(bytes),
        Ok(_) => Attempt::Closed,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::verdict::Status;

    const ALERT: &[u8] = &[21, 3, 2, 0, 2, 2, 70];
    const HELLO: &[u8] = &[22, 3, 2, 0, 49, 2, 0, 0, 45, 3, 2];

    /// Starts a server that sends these bytes once and returns its port.
    fn server(bytes: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(bytes);
        });
        port
    }

    fn closed_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn closed_or_redirecting_port_and_an_alert_pass() {
        let redirect = b"HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\n\r\n";
        for http in [
            closed_port(),
            server(redirect),
            server(b"HTTP/1.1 403 Forbidden\r\n\r\n"),
        ] {
            let verdict = check_host("127.0.0.1", http, server(ALERT)).await;
            assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn requests_without_tls_that_are_served_fail() {
        for response in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 302 Found\r\nlocation: http://b.example/\r\n\r\n",
        ] {
            let verdict = check_host("127.0.0.1", server(response), server(ALERT)).await;
            assert_eq!(verdict.status, Status::Failed, "{verdict:?}");
        }
    }

    #[tokio::test]
    async fn tls_1_1_that_is_accepted_fails() {
        let verdict = check_host("127.0.0.1", closed_port(), server(HELLO)).await;
        let expected = "the API accepts TLS 1.1, expected TLS 1.2 or newer";
        assert_eq!(verdict.details, [expected]);
    }

    #[tokio::test]
    async fn host_that_accepts_no_connection_proves_nothing() {
        let verdict = check_host("127.0.0.1", closed_port(), closed_port()).await;
        assert_eq!(verdict.status, Status::NotProven, "{verdict:?}");

        let verdict = check_host("unknown.invalid", 80, 443).await;
        assert_eq!(verdict.status, Status::NotProven, "{verdict:?}");
    }

    #[tokio::test]
    async fn connection_that_is_closed_without_a_response_refuses_tls_1_1() {
        let verdict = check_host("127.0.0.1", closed_port(), server(b"")).await;
        assert_eq!(verdict.status, Status::Ok, "{verdict:?}");
    }

    #[test]
    fn silence_proves_nothing() {
        let finding = plain_finding(80, &Attempt::Silent);
        assert!(matches!(finding, Finding::Open(_)));
        assert!(matches!(old_finding(&Attempt::Silent), Finding::Open(_)));
    }
}
