//! Addresses that may be called.

use std::net::IpAddr;

use addresses::{is_internal, is_loopback, is_private_site, literal};
use http::Uri;

use crate::call_error::CallError;

/// Parses an absolute http or https URL without user info, path or query.
///
/// # Errors
/// A text that says what is wrong, without the URL.
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

/// The addresses that calls may reach.
///
/// The scheme and a literal address are checked before a call. The addresses of a name are checked
/// on each connection, so that a DNS server cannot redirect the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// https and http to any host. For URLs that the operator set, such as `AWS_ENDPOINT_URL`.
    Any,
    /// https to any host, and http to loopback addresses. For a developer's machine.
    Local,
    /// https only, and never to a loopback, link-local, metadata or unspecified address. For
    /// Lambda, whose Runtime API listens on loopback.
    Deployed,
    /// https and http, but only to RFC 1918 and unique local addresses. For an endpoint inside a VPC
    /// that a policy explicitly calls without TLS.
    PrivateNetwork,
    /// https and http to any host, but never to a loopback, link-local, metadata or unspecified
    /// address. For services that the operator of a deployed function chose.
    Services,
}

/// Returns the host and port of a URL that may be called.
///
/// # Errors
/// [`CallError::Address`] if the URL has user info, is not absolute, or is out of reach.
pub(crate) fn callable(url: &Uri, reach: Reach) -> Result<String, CallError> {
    let authority = url
        .authority()
        .ok_or(CallError::Address("not an absolute URL"))?;
    if authority.as_str().contains('@') {
        return Err(CallError::Address("user info in a URL"));
    }

    let plain_http = match reach {
        Reach::Any | Reach::PrivateNetwork | Reach::Services => true,
        Reach::Local => is_loopback(authority.host()),
        Reach::Deployed => false,
    };
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if plain_http => {}
        _ => {
            return Err(CallError::Address(
                "neither https nor a permitted loopback address",
            ));
        }
    }

    if literal(authority.host()).is_some_and(|address| !reach.admits(address)) {
        return Err(CallError::Address(reach.refusal()));
    }
    Ok(authority.to_string())
}

impl Reach {
    /// True if a connection to this address is allowed.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Any | Self::Local => true,
            Self::Deployed | Self::Services => !is_internal(address),
            Self::PrivateNetwork => is_private_site(address),
        }
    }

    /// Returns the reason for refusing an address that is not admitted.
    pub(crate) const fn refusal(self) -> &'static str {
        match self {
            Self::PrivateNetwork => {
                "not a private address, expected one of RFC 1918 or a unique local address"
            }
            _ => "a loopback, link-local, metadata or unspecified address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployed_function_reaches_neither_loopback_nor_metadata() {
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://0.0.0.0/",
            "https://169.254.169.254/latest",
            "https://[::ffff:127.0.0.1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "http://localhost/",
            "http://10.0.0.1/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::Deployed).is_err(),
                "{url}"
            );
        }
        for url in [
            "https://10.0.0.1/",
            "https://[fd12::1]/",
            "https://auth.example.com/",
            "https://[2001:db8::1]/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::Deployed).is_ok(),
                "{url}"
            );
        }
    }

    #[test]
    fn private_network_has_neither_public_nor_loopback_nor_metadata_addresses() {
        for url in [
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "http://[::1]/",
            "http://0.0.0.0/",
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/latest",
            "http://8.8.8.8/",
            "https://8.8.8.8/",
            "http://100.64.0.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://me@10.0.0.1/",
            "ftp://10.0.0.1/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::PrivateNetwork).is_err(),
                "{url}"
            );
        }
        for url in [
            "http://10.0.0.1:4445/introspect",
            "http://172.31.255.255/",
            "http://192.168.1.1/",
            "http://[fd12::1]/",
            "http://hydra-admin:4445/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::PrivateNetwork).is_ok(),
                "{url}"
            );
        }
    }

    #[test]
    fn services_may_be_private_or_public_but_never_loopback_or_metadata() {
        for url in [
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "https://[::1]/",
            "http://0.0.0.0/",
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/latest",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://me@10.0.0.1/",
            "ftp://10.0.0.1/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::Services).is_err(),
                "{url}"
            );
        }
        for url in [
            "http://10.0.0.1:8080/users",
            "https://10.0.0.1/",
            "http://198.51.100.7/",
            "http://internal-alb.example/",
        ] {
            assert!(
                callable(&url.parse().unwrap(), Reach::Services).is_ok(),
                "{url}"
            );
        }
    }

    #[test]
    fn http_is_allowed_to_loopback_and_to_operator_settings() {
        for (url, local, any) in [
            ("http://127.0.0.1/", true, true),
            ("https://localhost/", true, true),
            ("http://emulator:4566/", false, true),
            ("http://me@localhost/", false, false),
            ("ftp://localhost/", false, false),
        ] {
            let url: Uri = url.parse().unwrap();
            assert_eq!(callable(&url, Reach::Local).is_ok(), local, "{url}");
            assert_eq!(callable(&url, Reach::Any).is_ok(), any, "{url}");
        }
    }
}
