//! Discovery documents of issuers.
//!
//! Source: OpenID Connect Discovery 1.0, section 4.

use addresses::is_loopback;
use http::Uri;
use serde_json::Value;

use crate::address::trusted_address;

/// The characters of an issuer's name in a document that an error repeats.
const MAX_SHOWN_CHARS: usize = 200;

/// The reason why a discovery document leads to no keys. It contains nothing of the document except
/// the name of another issuer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The document is not JSON, or has duplicate fields.
    #[error("the discovery document is not a JSON object without duplicate fields")]
    NotAnObject,
    /// The document is of another issuer, whose keys are other ones.
    #[error("the discovery document is for issuer `{found}`, expected `{expected}`")]
    OtherIssuer {
        /// The issuer in the document.
        found: String,
        /// The issuer of the policy.
        expected: String,
    },
    /// A field is missing, or not a string.
    #[error("the discovery document has no string `{0}`")]
    Missing(&'static str),
    /// The address of the keys must not be called.
    #[error("the discovery document's `jwks_uri` {0}")]
    Untrusted(&'static str),
}

/// Returns the address of the signing keys of `issuer`. `from` is the address of the document.
///
/// # Errors
/// [`DiscoveryError`] if the document is of another issuer, or names no address that may be called.
///
/// ```
/// let from = "https://auth.example.com/.well-known/openid-configuration".parse()?;
/// let document = br#"{"issuer": "https://auth.example.com", "jwks_uri": "https://auth.example.com/keys"}"#;
/// let address = policy::keys_address(document, "https://auth.example.com", &from)?;
/// assert_eq!(address.path(), "/keys");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn keys_address(document: &[u8], issuer: &str, from: &Uri) -> Result<Uri, DiscoveryError> {
    let document = strict_json::object(document).ok_or(DiscoveryError::NotAnObject)?;
    let text = |name| {
        document
            .get(name)
            .and_then(Value::as_str)
            .ok_or(DiscoveryError::Missing(name))
    };

    let found = text("issuer")?;
    if found != issuer {
        return Err(DiscoveryError::OtherIssuer {
            found: found.escape_debug().take(MAX_SHOWN_CHARS).collect(),
            expected: issuer.to_owned(),
        });
    }
    discovered_address(text("jwks_uri")?, from).map_err(DiscoveryError::Untrusted)
}

/// Returns the address in `text`, which the discovery document at `document` names. It must not
/// lead from https to http, nor to a loopback address unless the document is on one.
fn discovered_address(text: &str, document: &Uri) -> Result<Uri, &'static str> {
    let uri = trusted_address(text)?;
    let is_local = |uri: &Uri| uri.host().is_some_and(is_loopback);
    if document.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
        return Err("is not https");
    }
    if is_local(&uri) && !is_local(document) {
        return Err("is a loopback address");
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_must_not_lead_to_http_or_loopback() {
        let from = |document: &str, keys: &str| {
            let text = format!(r#"{{"issuer": "a", "jwks_uri": "{keys}"}}"#);
            keys_address(text.as_bytes(), "a", &document.parse().unwrap()).is_ok()
        };
        for keys in [
            "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
            "http://localhost:9001/",
            "http://[::ffff:127.0.0.1]/",
            "https://127.0.0.1/jwks",
            "https://LOCALHOST./jwks",
            "http://a/jwks",
        ] {
            assert!(!from("https://auth.example.com/d", keys), "{keys}");
        }
        assert!(from(
            "https://auth.example.com/d",
            "https://keys.example.com/jwks"
        ));
        assert!(from("https://localhost/d", "https://localhost/jwks"));
        assert!(!from("https://localhost/d", "http://localhost/jwks"));
        assert!(from("http://127.0.0.1:1/d", "http://127.0.0.1:2/jwks"));
    }

    #[test]
    fn document_of_another_issuer_leads_to_no_keys() {
        let from = "https://a/d".parse().unwrap();
        let problem = |text: &str| keys_address(text.as_bytes(), "https://a", &from).unwrap_err();
        for (text, expected) in [
            ("[]", "is not a JSON object"),
            (
                r#"{"issuer": "https://a", "issuer": "https://a"}"#,
                "without duplicate fields",
            ),
            (
                r#"{"issuer": "https://a/"}"#,
                "is for issuer `https://a/`, expected `https://a`",
            ),
            (r#"{"issuer": "https://a"}"#, "has no string `jwks_uri`"),
            (r#"{"issuer": 1}"#, "has no string `issuer`"),
        ] {
            let problem = problem(text).to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
