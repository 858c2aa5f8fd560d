//! Reads the claims of a token by type. A `null` claim counts as missing, unless the token would
//! then be valid for more: see [`super::times`] and [`certificate_binding`].

use policy::{ClaimReference, decode_base64url};
use serde_json::{Map, Value};

use super::refusal::TokenRefusal;

pub(crate) type Claims = Map<String, Value>;

/// Returns a claim that is present and not null.
pub(crate) fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// Returns a string claim.
///
/// # Errors
/// [`TokenRefusal`] if it has another type.
pub(crate) fn string<'c>(claims: &'c Claims, name: &str) -> Result<Option<&'c str>, TokenRefusal> {
    claim(claims, name)
        .map(|value| value.as_str().ok_or_else(|| TokenRefusal::claim(name)))
        .transpose()
}

/// Returns the scopes: a list of strings, or one string separated by white space (RFC 8693, section
/// 4.2). Duplicates and strings that are not scope tokens (RFC 6749, section 3.3) are ignored.
pub(crate) fn scopes<'c>(claims: &'c Claims, reference: &ClaimReference) -> Vec<&'c str> {
    let values: Vec<&str> = match reference.find(claims) {
        Some((_, Value::String(text))) => text.split_ascii_whitespace().collect(),
        Some((_, Value::Array(items))) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };

    let mut scopes = Vec::with_capacity(values.len());
    for scope in values {
        if is_scope(scope) && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

/// Returns the roles: a list of strings, one string, or an object whose keys are the roles. Other
/// items are ignored: an invalid value grants nothing.
///
/// A string is one role, because names of roles and groups can contain spaces.
pub(crate) fn roles<'c>(claims: &'c Claims, reference: &ClaimReference) -> Vec<&'c str> {
    let grants = |value: &Value| value.is_object() || *value == true;
    let values: Vec<&str> = match reference.find(claims) {
        Some((_, Value::String(role))) => vec![role],
        Some((_, Value::Array(items))) => items.iter().filter_map(Value::as_str).collect(),
        Some((_, Value::Object(roles))) => roles
            .iter()
            .filter(|(_, value)| grants(value))
            .map(|(role, _)| role.as_str())
            .collect(),
        _ => Vec::new(),
    };
    values.into_iter().filter(|role| !role.is_empty()).collect()
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
/// [`TokenRefusal`] for any other confirmation, including `null`. It requires a proof that
/// is not checked here.
pub(crate) fn certificate_binding(claims: &Claims) -> Result<Option<[u8; 32]>, TokenRefusal> {
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
        .ok_or_else(|| TokenRefusal::claim("cnf"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: &Value) -> &Claims {
        value.as_object().unwrap()
    }

    fn scopes_of(value: &Value) -> Vec<&str> {
        scopes(claims(value), &ClaimReference::to_names(&["scope", "scp"]))
    }

    #[test]
    fn scopes_are_read_from_every_form() {
        for value in [
            json!({"scope": "a b"}),
            json!({"scope": " a   b "}),
            json!({"scope": "a\tb"}),
            json!({"scp": ["a", "b"]}),
            json!({"scp": "a b"}),
            json!({"scope": ["a", "b", "a"]}),
            json!({"scope": "a b", "scp": ["c"]}),
            json!({"scope": null, "scp": ["a", "b"]}),
            json!({"scope": [], "scp": ["a", "b"]}),
        ] {
            assert_eq!(scopes_of(&value), ["a", "b"], "{value}");
        }
        assert!(scopes_of(&json!({})).is_empty());
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
                let claims = json!({name: value});
                assert_eq!(scopes_of(&claims), expected, "{name} {value}");
            }
        }
    }

    #[test]
    fn roles_are_a_string_a_list_or_the_keys_of_an_object() {
        for (value, expected) in [
            (json!(["admin", "on call"]), &["admin", "on call"][..]),
            (json!("on call"), &["on call"]),
            (
                json!([{"key": "admin"}, "reader", 7, null, ""]),
                &["reader"],
            ),
            (
                json!({"admin": {"2345": "corp.example"}, "reader": true}),
                &["admin", "reader"],
            ),
            (
                json!({"admin": false, "owner": null, "x": "yes", "y": 1, "z": ["a"], "": true}),
                &[],
            ),
            (json!(null), &[]),
            (json!(""), &[]),
            (json!(7), &[]),
        ] {
            let claims_value = json!({ "roles": value });
            let reference = ClaimReference::to_names(&["roles"]);
            assert_eq!(
                roles(claims(&claims_value), &reference),
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
                Err(TokenRefusal::claim("cnf")),
                "{value}"
            );
        }
    }
}
