//! A reader for a field that may be left out and may not be `null`, for
//! `#[serde(deserialize_with)]`.
//!
//! A `null` is often a value that got lost. Where a field restricts something, it must not lift the
//! restriction.

use serde::{Deserialize, Deserializer};

/// Reads a field that is present. With `#[serde(default)]`, an absent field is `None`.
///
/// # Errors
/// `null` is an error.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::{KeyHeader, Policy};

    #[test]
    fn null_lifts_no_restriction() {
        let issuer = |more: &str| {
            format!(
                r#"{{"issuers":[{{"issuer":"https://a.example","audiences":["a"],"default_plan":"p",{more}}}],"rules":[]}}"#
            )
        };
        for (policy, field) in [
            (
                issuer(r#""allowed_scopes":null"#),
                "issuers[0].allowed_scopes",
            ),
            (
                issuer(r#""allowed_roles":null"#),
                "issuers[0].allowed_roles",
            ),
            (
                issuer(r#""allowed_plans":null"#),
                "issuers[0].allowed_plans",
            ),
            (
                r#"{"rules":[{"match":"GET /a","auth":"jwt","issuers":null}]}"#.to_owned(),
                "rules[0].issuers",
            ),
            (
                r#"{"api_keys":{"header":null},"rules":[]}"#.to_owned(),
                "api_keys.header",
            ),
        ] {
            let error = Policy::parse(&policy, &KeyHeader::default(), &|_| None)
                .unwrap_err()
                .to_string();
            assert!(error.contains(field) && error.contains("null"), "{error}");
        }
    }
}
