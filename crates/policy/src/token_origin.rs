//! The origins that a policy names for cookies.

use addresses::is_loopback;
use http::Uri;

/// Checks that this is an origin as browsers send it in `Origin`: `https://HOST[:PORT]` in lower
/// case without the default port, or http with a loopback host (RFC 6454, section 6.2).
///
/// # Errors
/// The problem, as the end of a sentence that begins with the field.
pub(crate) fn check_origin(text: &str) -> Result<(), String> {
    let expected = "expected https://HOST[:PORT] in lower case without a path, a wildcard or the default port; \
                    http is for loopback hosts only";
    if is_origin(text) {
        return Ok(());
    }
    Err(format!(
        "`{}` is not an origin, {expected}",
        text.escape_debug()
    ))
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return false;
    };
    let (is_allowed, default_port) = match scheme {
        "https" => (true, 443),
        "http" => (is_loopback(host), 80),
        _ => (false, 0),
    };

    // Any other part of the URI, such as a user or a path, makes the texts different.
    let origin = match uri.port_u16() {
        Some(port) if port == default_port => return false,
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    is_allowed && is_host(host) && origin == text
}

fn is_host(host: &str) -> bool {
    let is_host_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(is_host_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_as_browsers_send_them_are_accepted() {
        for good in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost:5173",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "https://[2001:db8::1]",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(check_origin(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com?a",
            "https://app.example.com#a",
            "https://app.example.com:",
            "https://app.example.com:443",
            "https://app.example.com:08443",
            "http://localhost:80",
            "http://app.example.com",
            "http://localhost.example.com",
            "https://user@app.example.com",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://b\u{fc}cher.example",
            "https://a,https://b",
            "https://a https://b",
            "chrome-extension://abc",
        ] {
            assert!(check_origin(bad).is_err(), "{bad}");
        }
    }
}
