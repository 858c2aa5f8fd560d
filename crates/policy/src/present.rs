//! Deserializes optional fields that must not be `null`, for `#[serde(deserialize_with)]`.
//!
//! A `null` is often a lost value. In a field that restricts something, it must not remove the
//! restriction.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Reads a field that is present. With `#[serde(default)]`, a missing field is `None`.
///
/// # Errors
/// An error of the deserializer if the field is `null` or has the wrong type.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads an object that is present, like [`present`]. A duplicate name is an error.
///
/// # Errors
/// An error of the deserializer if the field is `null`, has the wrong type, or has a duplicate name.
pub(crate) fn map<'de, D, T>(deserializer: D) -> Result<Option<BTreeMap<String, T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    strict_json::map(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::{KeyHeader, Policy};

    #[test]
    fn duplicate_names_are_refused() {
        for field in [
            r#""plan_claim":"tier","plans":{"a":"free","a":"pro"}"#,
            r#""required_claims":{"use":"access","use":"id"}"#,
        ] {
            let policy = format!(
                r#"{{"issuers":[{{"issuer":"https://a.example","audiences":["a"],"default_plan":"p",{field}}}],"rules":[]}}"#
            );
            let error = Policy::parse(&policy, &KeyHeader::default(), &|_| None).unwrap_err();
            assert!(error.to_string().contains("duplicate"), "{error}");
        }
    }

    #[test]
    fn null_does_not_remove_a_restriction() {
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
