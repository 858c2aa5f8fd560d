//! The header that a policy names for the token.

use outcome::BACKEND_HEADER_PREFIX;

use crate::key_header::KeyHeader;
use crate::token_location::AUTHORIZATION;

/// Headers that belong to one connection (RFC 9110, section 7.6.1), that browsers or HTTP itself
/// give another meaning, or that decide about cookies.
const RESERVED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];
/// The prefix of headers that only browsers set.
const BROWSER_PREFIX: &str = "sec-";

/// Returns the header for a policy's `token.header`, in lower case.
///
/// # Errors
/// The problem, as the end of a sentence that begins with the field.
pub(crate) fn token_header(named: Option<&str>, key_header: &KeyHeader) -> Result<String, String> {
    let Some(named) = named else {
        return Ok(AUTHORIZATION.to_owned());
    };
    let lower = named.to_ascii_lowercase();
    let expected = "expected a header that carries only the token, such as authorization";

    if !is_name(named) {
        let named = named.escape_debug();
        return Err(format!("`{named}` is not a header name, {expected}"));
    }
    if lower == key_header.as_str() {
        return Err(format!(
            "`{named}` carries API keys (KEY_HEADER), {expected}"
        ));
    }
    let is_ours = lower.replace('_', "-").starts_with(BACKEND_HEADER_PREFIX);
    if is_ours || lower.starts_with(BROWSER_PREFIX) || RESERVED.contains(&lower.as_str()) {
        return Err(format!("`{named}` has another meaning, {expected}"));
    }
    Ok(lower)
}

/// True for names that every proxy forwards. Other characters of RFC 9110 are unusual in names, and
/// some servers drop such headers.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_proxies_with_login_are_accepted() {
        for name in [
            "Authorization",
            "Cf-Access-Jwt-Assertion",
            "X-Goog-Iap-Jwt-Assertion",
            "x-amzn-oidc-accesstoken",
            "X-Forwarded-Access-Token",
            "X-Access_Token",
        ] {
            let header = token_header(Some(name), &KeyHeader::default());
            assert_eq!(header, Ok(name.to_ascii_lowercase()));
        }
        assert_eq!(
            token_header(None, &KeyHeader::default()).as_deref(),
            Ok("authorization")
        );
    }

    #[test]
    fn headers_with_another_meaning_are_invalid() {
        let key_header: KeyHeader = "x-my-key".parse().unwrap();
        for (name, problem) in [
            ("", "is not a header name"),
            ("a b", "is not a header name"),
            ("a:", "is not a header name"),
            ("x-t\u{f6}ken", "is not a header name"),
            ("X-My-Key", "carries API keys"),
            ("Cookie", "has another meaning"),
            ("Host", "has another meaning"),
            ("Origin", "has another meaning"),
            ("Sec-Fetch-Site", "has another meaning"),
            ("Transfer-Encoding", "has another meaning"),
            ("Proxy-Authorization", "has another meaning"),
            ("x-tollgate-token", "has another meaning"),
            ("X_Tollgate_Token", "has another meaning"),
        ] {
            let error = token_header(Some(name), &key_header).unwrap_err();
            assert!(
                error.contains(problem) && error.contains(", expected a header"),
                "{error}"
            );
        }
    }
}
