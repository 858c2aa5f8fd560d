//! Refuses requests that a page of another site may have sent with the user's cookies.
//!
//! Source: Fetch Metadata (<https://www.w3.org/TR/fetch-metadata/>) and RFC 6454 (`Origin`).

use addresses::is_loopback;
use http::uri::Authority;
use outcome::Reason;

use crate::event::Request;
use crate::rejection::Rejection;

/// The methods that have no effect, so that it does not matter which site sent the request.
const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Checks that a request with a cookie comes from the API's own origin or from one of `origins`.
///
/// # Errors
/// 403 if another site may have sent the request.
pub(crate) fn check_site(request: &Request<'_>, origins: &[String]) -> Result<(), Rejection> {
    if SAFE_METHODS.contains(&&*request.method) {
        return Ok(());
    }

    let host = request.header("host");
    let is_trusted = |origin: &str| {
        host.is_some_and(|host| is_origin_of(origin, host))
            || origins.iter().any(|known| known == origin)
    };
    let detail = match (request.header("sec-fetch-site"), request.header("origin")) {
        // Several values are joined by commas.
        (site, origin)
            if [site, origin]
                .iter()
                .flatten()
                .any(|text| text.contains(',')) =>
        {
            "origin_repeated"
        }
        (Some("same-origin"), _) => return Ok(()),
        (_, Some(origin)) if is_trusted(origin) => return Ok(()),
        (_, Some(_)) => "origin_unknown",
        (_, None) => "origin_missing",
    };
    Err(Rejection::forbidden(Reason::CrossSite).because(detail))
}

/// True for the origin of pages on this host. Only loopback hosts have pages without TLS.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let is_local = || {
        host.parse::<Authority>()
            .is_ok_and(|authority| is_loopback(authority.host()))
    };
    match origin.split_once("://") {
        Some(("https", name)) => name.eq_ignore_ascii_case(host),
        Some(("http", name)) => name.eq_ignore_ascii_case(host) && is_local(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_of_the_host_is_https_or_loopback() {
        for (origin, host) in [
            ("https://api.example.com", "api.example.com"),
            ("https://api.example.com", "API.example.com"),
            ("https://api.example.com:8443", "api.example.com:8443"),
            ("http://localhost:3000", "localhost:3000"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert!(is_origin_of(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://api.example.com", "api.example.com"),
            ("https://evil.example", "api.example.com"),
            ("https://api.example.com.evil.example", "api.example.com"),
            ("https://api.example.com:8443", "api.example.com"),
            ("https://api.example.com/", "api.example.com"),
            ("http://localhost:3001", "localhost:3000"),
            ("http://localhost.evil.example", "localhost.evil.example"),
            ("null", "null"),
            ("", ""),
            ("http://", ""),
            ("ftp://api.example.com", "api.example.com"),
        ] {
            assert!(!is_origin_of(origin, host), "{origin} {host}");
        }
    }
}
