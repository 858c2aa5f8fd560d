//! Parses values that several commands take.

use http::Uri;
use http::uri::Authority;

/// Parses `NAME=VALUE`.
pub(crate) fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses the endpoint of AWS clients.
pub(super) fn endpoint(text: &str) -> Result<Uri, String> {
    address(text, &["http", "https"])
        .ok_or_else(|| "expected http(s)://HOST:PORT without a path".to_owned())
}

/// Parses the name and the address of a service.
pub(crate) fn service(text: &str) -> Result<(String, Uri), String> {
    let expected = "expected NAME=http(s)://HOST:PORT with an optional path";
    let (name, url) = text.split_once('=').ok_or(expected)?;
    let url = service_url(url).map_err(|_| expected)?;
    Ok((name.to_owned(), url))
}

/// Parses the URL of a service, which may have a path.
pub(crate) fn service_url(text: &str) -> Result<Uri, String> {
    let expected = "expected http(s)://HOST:PORT with an optional path";
    url(text, &["http", "https"]).ok_or_else(|| expected.to_owned())
}

/// Parses a URL without a user, path or query.
pub(super) fn address(text: &str, schemes: &[&str]) -> Option<Uri> {
    url(text, schemes).filter(|url| url.path() == "/")
}

/// Parses a URL without a user or query.
fn url(text: &str, schemes: &[&str]) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_plain = schemes.contains(&uri.scheme_str()?) && uri.query().is_none();
    // A connection to an invalid port would go to the default port of the scheme instead.
    let has_valid_port = |authority: &Authority| {
        let rest = authority.as_str().strip_prefix(authority.host());
        rest.is_some_and(|rest| rest.is_empty() || authority.port_u16().is_some())
    };
    let has_host = uri.authority().is_some_and(|authority| {
        !authority.host().is_empty()
            && has_valid_port(authority)
            && !authority.as_str().contains('@')
    });

    (is_plain && has_host).then_some(uri)
}
