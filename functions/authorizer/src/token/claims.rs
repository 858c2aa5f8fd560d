//! Reads the claims of a token by type. A `null` claim counts as missing, unless the token would
//! then be valid for more: see [`super::times`] and [`certificate_binding`].

use outcome::Reason;
use policy::decode_base64url;
use serde_json::{Map, Value};

pub(crate) type Claims = Map<String, Value>;

/// Returns a claim that is present and not null.
pub(crate) fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// Returns a string claim.
///
/// # Errors
/// [`Reason::InvalidClaims`] if it has another type.
pub(crate) fn string<'c>(claims: &'c Claims, name: &str) -> Result<Option<&'c str>, Reason> {
    claim(claims, name)
        .map(|value| value.as_str().ok_or(Reason::InvalidClaims))
        .transpose()
}

/// Returns a claim that is a list of strings, or one string separated by white space. Other items
/// are ignored: an invalid value grants nothing.
pub(crate) fn strings<'c>(claims: &'c Claims, name: &str) -> Vec<&'c str> {
    match claim(claims, name) {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the scopes of `scope` (RFC 8693, section 4.2) and `scp`, without duplicates. Strings
/// that are not scope tokens (RFC 6749, section 3.3) are ignored.
pub(crate) fn scopes(claims: &Claims) -> Vec<&str> {
    let mut scopes = Vec::new();
    for scope in strings(claims, "scope")
        .into_iter()
        .chain(strings(claims, "scp"))
    {
        if is_scope(scope) && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Returns the email address if it is verified. If the issuer does not say, it counts if the
/// issuer's addresses are `trusted`.
pub(crate) fn email(claims: &Claims, trusted: bool) -> Option<&str> {
    let is_verified = match claim(claims, "email_verified") {
        // Some issuers, Apple among them, write this boolean as a string.
        Some(verified) => *verified == true || *verified == "true",
        None => trusted,
    };

    claim(claims, "email")
        .and_then(Value::as_str)
        .filter(|_| is_verified)
}

/// Returns the SHA-256 of the certificate that the token is bound to (RFC 8705, section 3.1).
///
/// # Errors
/// [`Reason::InvalidClaims`] for any other confirmation, including `null`. It requires a proof that
/// is not checked here.
pub(crate) fn certificate_binding(claims: &Claims) -> Result<Option<[u8; 32]>, Reason> {
    let Some(confirmation) = claims.get("cnf") else {
        return Ok(None);
    };

    let methods = confirmation
        .as_object()
        .filter(|methods| methods.len() == 1);
    let thumbprint = methods
        .and_then(|methods| methods.get("x5t#S256"))
        .and_then(Value::as_str)
        .and_then(decode_base64url);
    thumbprint
        .and_then(|hash| hash.try_into().ok())
        .map(Some)
        .ok_or(Reason::InvalidClaims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: &Value) -> &Claims {
        value.as_object().unwrap()
    }

    #[test]
    fn scopes_are_read_from_every_form() {
        for value in [
            json!({"scope": "a b"}),
            json!({"scope": " a   b "}),
            json!({"scope": "a\tb"}),
            json!({"scp": ["a", "b"]}),
            json!({"scp": "a b"}),
            json!({"scope": ["a", "b"]}),
            json!({"scope": "a", "scp": ["a", "b"]}),
            json!({"scope": null, "scp": ["a", "b"]}),
        ] {
            assert_eq!(scopes(claims(&value)), ["a", "b"], "{value}");
        }
        assert!(scopes(claims(&json!({}))).is_empty());
    }

    #[test]
    fn invalid_scopes_are_ignored() {
        let nothing: [&str; 0] = [];
        for (value, expected) in [
            (json!(1), &nothing[..]),
            (json!(null), &[]),
            (json!(true), &[]),
            (json!({"admin": true}), &[]),
            (json!([1, null, {}, ["a"]]), &[]),
            (json!(["a b"]), &[]),
            (json!([""]), &[]),
            (json!("a\"b"), &[]),
            (json!("\u{fc} b"), &["b"]),
            (json!(["a", 1]), &["a"]),
        ] {
            for name in ["scope", "scp"] {
                assert_eq!(
                    scopes(claims(&json!({name: value}))),
                    expected,
                    "{name} {value}"
                );
            }
        }
    }

    #[test]
    fn strings_ignore_other_types() {
        for (value, expected) in [
            (json!(["admin", "on call"]), &["admin", "on call"][..]),
            (json!("admin reader"), &["admin", "reader"]),
            (
                json!([{"key": "admin"}, "reader", 7, null, ""]),
                &["reader"],
            ),
            (json!({"admin": true}), &[]),
            (json!(null), &[]),
            (json!(7), &[]),
        ] {
            assert_eq!(
                strings(claims(&json!({"roles": value})), "roles"),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn only_verified_email_addresses_count() {
        for (verified, untrusted, trusted) in [
            (Some(json!(true)), true, true),
            (Some(json!("true")), true, true),
            (None, false, true),
            (Some(json!(null)), false, true),
            (Some(json!(false)), false, false),
            (Some(json!("false")), false, false),
            (Some(json!("TRUE")), false, false),
            (Some(json!(1)), false, false),
            (Some(json!([true])), false, false),
        ] {
            let mut value = json!({"email": "a@b"});
            if let Some(verified) = &verified {
                value["email_verified"] = verified.clone();
            }
            let counts = |trusted| email(claims(&value), trusted) == Some("a@b");
            assert_eq!(
                (counts(false), counts(true)),
                (untrusted, trusted),
                "{verified:?}"
            );
        }
        assert_eq!(
            email(claims(&json!({"email": 7, "email_verified": true})), true),
            None
        );
    }

    #[test]
    fn other_confirmations_are_invalid() {
        let hash = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        assert!(
            certificate_binding(claims(&json!({"cnf": {"x5t#S256": hash}})))
                .unwrap()
                .is_some()
        );
        assert_eq!(certificate_binding(claims(&json!({}))), Ok(None));
        for value in [
            json!(null),
            json!({}),
            json!("x"),
            json!({"jkt": hash}),
            json!({"x5t#S256": hash, "jkt": "x"}),
        ] {
            assert_eq!(
                certificate_binding(claims(&json!({"cnf": value}))),
                Err(Reason::InvalidClaims),
                "{value}"
            );
        }
    }
}
