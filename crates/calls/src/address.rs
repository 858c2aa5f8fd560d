//! Which addresses may be called at all.

use http::Uri;

use crate::error::CallError;

/// An absolute http or https address without user info, path or query; else what is wrong with it.
pub(crate) fn origin(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is not an absolute URL")?;
    let authority = uri.authority().ok_or("is not an absolute URL")?;
    if authority.as_str().contains('@') {
        return Err("has user info");
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        return Err("is not an http or https URL");
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err("has a path or a query");
    }
    Ok(uri)
}

/// Host and port of an address that may be called: https, or http on a loopback address where that is permitted, and
/// never with user info.
pub(crate) fn callable(url: &Uri, loopback_http: bool) -> Result<String, CallError> {
    let authority = url.authority().ok_or(CallError::Address("not an absolute URL"))?;
    if authority.as_str().contains('@') {
        return Err(CallError::Address("user info in a URL"));
    }
    match url.scheme_str() {
        Some("https") => Ok(authority.to_string()),
        Some("http") if loopback_http && is_loopback(authority.host()) => Ok(authority.to_string()),
        _ => Err(CallError::Address("neither https nor a permitted loopback address")),
    }
}

/// Whether a host is this machine by its name alone, without asking a name server.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_loopback_by_its_name_alone() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["128.0.0.1", "localhost.example.com", "127.0.0.1.example.com", "[::2]", "0x7f.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
