//! Requests to issuers and authorization servers: allowed addresses, request headers, and response
//! bodies.

use std::io::Read as _;

use aws::timeouts::CONNECT_TIMEOUT;
use aws::{Connections, HttpCalls, Proxy, Reach};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, USER_AGENT};
use http::request::Builder;
use http::{HeaderMap, Response};
use policy::FUNCTION_NAME;
use telemetry::RecordLog;

/// The largest body of a response, compressed or not, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1_024;
/// The `User-Agent`. Firewalls in front of identity providers refuse requests without one.
const USER_AGENT_VALUE: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// Returns a client for calls to addresses that a policy or a provider names.
#[must_use]
pub fn http_calls(records: RecordLog, reach: Reach) -> HttpCalls {
    HttpCalls::new(
        Connections::reaching(reach, CONNECT_TIMEOUT),
        records,
        MAX_BODY_BYTES,
    )
}

/// Returns a client like [`http_calls`] for a developer's machine, where other hosts may be behind
/// a proxy.
#[must_use]
pub fn local_http_calls(records: RecordLog, proxy: Option<&Proxy>) -> HttpCalls {
    HttpCalls::new(
        Connections::through(proxy, CONNECT_TIMEOUT),
        records,
        MAX_BODY_BYTES,
    )
}

/// Returns a client like `calls` that also uses http, but only reaches private networks, from
/// wherever it is called.
pub(crate) fn in_private_network(calls: &HttpCalls) -> HttpCalls {
    calls.with_connections(Connections::reaching(
        Reach::PrivateNetwork,
        CONNECT_TIMEOUT,
    ))
}

/// Returns the addresses that these calls may reach. In Lambda, the Runtime API listens on
/// loopback.
#[must_use]
pub fn reach(lookup: impl Fn(&str) -> Option<String>) -> Reach {
    if lookup(FUNCTION_NAME).is_some() {
        Reach::Deployed
    } else {
        Reach::Local
    }
}

/// Adds the headers that all these requests have.
pub(crate) fn with_headers(request: Builder) -> Builder {
    request
        .header(USER_AGENT, USER_AGENT_VALUE)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
}

/// The reason why a body cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the response has an unsupported content coding, expected identity or gzip")]
    Coding,
    #[error("the response is not valid gzip")]
    Gzip,
    #[error("the response is larger than {MAX_BODY_BYTES} bytes once decompressed")]
    TooLarge,
}

/// Returns the body of a response, decompressed. Object stores send compressed objects as they are,
/// whatever the request accepts.
pub(crate) fn body(response: Response<Bytes>) -> Result<Bytes, BodyError> {
    match format(response.headers())? {
        BodyFormat::Identity => Ok(response.into_body()),
        BodyFormat::Gzip => decompress(response.body()),
    }
}

/// The format of a body.
enum BodyFormat {
    Identity,
    Gzip,
}

fn format(headers: &HeaderMap) -> Result<BodyFormat, BodyError> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let coding = match (codings.next(), codings.next()) {
        (None, _) => return Ok(BodyFormat::Identity),
        (Some(coding), None) => coding
            .to_str()
            .map_err(|_| BodyError::Coding)?
            .trim()
            .to_ascii_lowercase(),
        (Some(_), Some(_)) => return Err(BodyError::Coding),
    };

    match coding.as_str() {
        "" | "identity" => Ok(BodyFormat::Identity),
        "gzip" | "x-gzip" => Ok(BodyFormat::Gzip),
        _ => Err(BodyError::Coding),
    }
}

fn decompress(compressed: &[u8]) -> Result<Bytes, BodyError> {
    let mut plain = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    let mut reader = GzDecoder::new(compressed).take(limit + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|_| BodyError::Gzip)?;

    if plain.len() > MAX_BODY_BYTES {
        Err(BodyError::TooLarge)
    } else {
        Ok(plain.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn read(codings: &[&str], sent: &[u8]) -> Result<Bytes, BodyError> {
        let mut response = Response::builder();
        for coding in codings {
            response = response.header(CONTENT_ENCODING, *coding);
        }
        body(response.body(Bytes::copy_from_slice(sent)).unwrap())
    }

    #[test]
    fn compressed_body_is_decompressed_up_to_the_limit() {
        assert_eq!(read(&[], b"plain").unwrap(), "plain");
        assert_eq!(read(&["identity"], b"plain").unwrap(), "plain");
        assert_eq!(read(&["GZIP"], &gzip(b"plain")).unwrap(), "plain");
        assert_eq!(
            read(&["gzip"], &gzip(&vec![b' '; MAX_BODY_BYTES]))
                .unwrap()
                .len(),
            MAX_BODY_BYTES
        );
        assert_eq!(
            read(&["gzip"], &gzip(&vec![b' '; 64 * 1_024 * 1_024])),
            Err(BodyError::TooLarge)
        );
        assert_eq!(read(&["gzip"], b"plain"), Err(BodyError::Gzip));
        assert_eq!(read(&["gzip"], &gzip(b"plain")[..10]), Err(BodyError::Gzip));
        assert_eq!(read(&["br"], b"plain"), Err(BodyError::Coding));
        assert_eq!(read(&["gzip, gzip"], b"plain"), Err(BodyError::Coding));
        assert_eq!(
            read(&["gzip", "gzip"], &gzip(&gzip(b"plain"))),
            Err(BodyError::Coding)
        );
    }

    #[test]
    fn loopback_is_unreachable_in_lambda() {
        assert_eq!(
            reach(|name| (name == FUNCTION_NAME).then(|| "authorizer".to_owned())),
            Reach::Deployed
        );
        assert_eq!(reach(|_| None), Reach::Local);
    }
}
