//! The addresses that a policy may name.

use addresses::{is_loopback, is_private_site, literal};
use http::Uri;

/// The environment variable that is set in Lambda.
pub const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Reads an address that a policy may name: https, or http on a loopback address.
///
/// # Errors
/// The problem, as the end of a sentence that begins with the address.
///
/// ```
/// use policy::trusted_address;
///
/// assert!(trusted_address("https://auth.example.com/jwks").is_ok());
/// assert!(trusted_address("http://auth.example.com/jwks").is_err());
/// ```
pub fn trusted_address(text: &str) -> Result<Uri, &'static str> {
    let uri = address(text)?;
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback_host(&uri) => Ok(uri),
        _ => Err("is not https (http is for loopback addresses only)"),
    }
}

/// Reads an address that a policy may name if it allows http to private networks. The addresses of a
/// name are only known when a connection is opened, and are checked then.
///
/// # Errors
/// The problem, as the end of a sentence that begins with the address.
pub(crate) fn trusted_or_private_address(text: &str) -> Result<Uri, &'static str> {
    let uri = address(text)?;
    let is_public = || {
        uri.host()
            .and_then(literal)
            .is_some_and(|address| !is_private_site(address))
    };

    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback_host(&uri) || !is_public() => Ok(uri),
        Some("http") => Err(
            "is not a private address, expected https, or http to an RFC 1918 or unique local address",
        ),
        _ => Err("is not an https or http address"),
    }
}

fn address(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
    let authority = uri.authority().ok_or("is not a URL")?;
    if authority.as_str().contains('@') || text.contains('#') {
        return Err("has user info or a fragment");
    }
    Ok(uri)
}

/// True if calls to this address leave the machine without TLS.
pub(crate) fn is_unencrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("http") && !is_loopback_host(uri)
}

fn is_loopback_host(uri: &Uri) -> bool {
    uri.host().is_some_and(is_loopback)
}

/// Quotes an address for an error, unless it may contain a password or a token.
pub(crate) fn quoted(address: &str) -> String {
    if address.contains(['@', '?', '#']) {
        "the address".to_owned()
    } else {
        format!("`{address}`")
    }
}

/// Checks an address of a policy in Lambda, where the Runtime API listens on loopback.
///
/// # Errors
/// The problem, as the end of a sentence that begins with the field.
pub(crate) fn check_deployed(uri: &Uri) -> Result<(), String> {
    if is_loopback_host(uri) {
        return Err(format!(
            "{} is a loopback address, which a function in Lambda must not call",
            quoted(&uri.to_string())
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_addresses_are_trusted() {
        for good in [
            "https://a/jwks",
            "http://127.0.0.1:3000/jwks",
            "http://[::1]/jwks",
            "http://localhost/jwks",
        ] {
            assert!(trusted_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a/jwks",
            "http://127.0.0.1.example.com/",
            "ftp://a/",
            "/jwks",
            "jwks",
            "",
            "https://u:p@a/",
            "https://a/#x",
            "http://10.0.0.1/jwks",
            "file:///etc/passwd",
        ] {
            assert!(trusted_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn http_to_private_addresses_and_names_is_possible() {
        for good in [
            "http://hydra-admin:4445/introspect",
            "http://10.0.0.1/introspect",
            "http://[fd12::1]:8080/introspect",
            "http://localhost/introspect",
            "https://8.8.8.8/introspect",
        ] {
            assert!(trusted_or_private_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://8.8.8.8/introspect",
            "http://169.254.169.254/latest",
            "http://[fe80::1]/introspect",
            "http://[fd00:ec2::254]/latest",
            "http://0.0.0.0/introspect",
            "http://100.64.0.1/introspect",
            "http://[::ffff:8.8.8.8]/introspect",
            "http://u:p@hydra-admin/",
            "ftp://10.0.0.1/",
            "hydra-admin",
        ] {
            assert!(trusted_or_private_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback_addresses_are_refused_in_lambda() {
        for bad in [
            "http://127.0.0.1:9001/",
            "https://localhost/jwks",
            "https://[::1]/jwks",
        ] {
            assert!(check_deployed(&bad.parse().unwrap()).is_err(), "{bad}");
        }
        assert!(check_deployed(&"https://auth.example.com/jwks".parse().unwrap()).is_ok());
    }
}
