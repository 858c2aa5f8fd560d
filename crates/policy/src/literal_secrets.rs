//! Secrets that are written in a policy, which must not be shown.

use serde_json::Value;

use crate::issuer_secret::REFERENCE_PREFIXES;

/// The text in place of a secret.
const HIDDEN: &str = "…";

/// Returns the secrets that are written in a policy: the texts in fields such as `client_secret` that
/// are not references to a secret.
///
/// ```
/// let policy = serde_json::json!({"introspection": {"client_id": "me", "client_secret": "hunter2"}});
/// assert_eq!(policy::literal_secrets(&policy), ["hunter2"]);
/// ```
#[must_use]
pub fn literal_secrets(policy: &Value) -> Vec<&str> {
    let mut secrets = Vec::new();
    collect(policy, false, &mut secrets);
    secrets
}

fn collect<'v>(value: &'v Value, is_secret: bool, secrets: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if is_secret && is_literal(text) => secrets.push(text),
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(item, is_secret, secrets)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| collect(value, is_secret || is_secret_field(name), secrets)),
        _ => {}
    }
}

/// Returns the text of a policy with `…` in place of the secrets that are written in it. A text that
/// is not JSON has no secrets that can be found, and `…` replaces all of it.
///
/// ```
/// let policy = r#"{"introspection": {"client_secret": "hunter2"}}"#;
/// let shown = policy::without_literal_secrets(policy);
/// assert_eq!(shown, r#"{"introspection": {"client_secret": "…"}}"#);
/// ```
#[must_use]
pub fn without_literal_secrets(text: &str) -> String {
    let Ok(policy) = serde_json::from_str::<Value>(text) else {
        return HIDDEN.to_owned();
    };
    let secrets = literal_secrets(&policy);
    if secrets.is_empty() {
        return text.to_owned();
    }

    let mut hidden = policy.clone();
    hide(&mut hidden, false);
    // The lines and the order of the fields stay the same, unless a secret is written with escapes or
    // is also the text of another field.
    let replaced = secrets.iter().fold(text.to_owned(), |text, secret| {
        let quoted = Value::from(*secret).to_string();
        text.replace(&quoted, &Value::from(HIDDEN).to_string())
    });
    if serde_json::from_str::<Value>(&replaced).is_ok_and(|replaced| replaced == hidden) {
        replaced
    } else {
        format!("{hidden:#}")
    }
}

fn hide(value: &mut Value, is_secret: bool) {
    match value {
        Value::String(text) if is_secret && is_literal(text) => HIDDEN.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, is_secret)),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, value)| hide(value, is_secret || is_secret_field(name))),
        _ => {}
    }
}

fn is_secret_field(name: &str) -> bool {
    name.contains("secret") || name == "client_key"
}

fn is_literal(text: &str) -> bool {
    let is_reference = REFERENCE_PREFIXES
        .iter()
        .any(|prefix| text.starts_with(prefix));
    !text.is_empty() && !is_reference
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_no_secrets() {
        let policy = json!({
            "issuers": [{"issuer": "https://a", "secret": [{"base64url": "c2VjcmV0"}, "env:NAME"]}],
            "introspection": {"client_secret": "hunter2", "client_id": "me", "client_key": "PEM"},
            "front": {"secret": "ssm:/tollgate/front"},
        });
        let mut secrets = literal_secrets(&policy);
        secrets.sort_unstable();
        assert_eq!(secrets, ["PEM", "c2VjcmV0", "hunter2"]);
    }

    #[test]
    fn text_keeps_its_form() {
        let text =
            "{\n  \"rules\": [],\n  \"introspection\": {\"client_secret\": \"a b\\\"c\"}\n}\n";
        assert_eq!(without_literal_secrets(text), text.replace("a b\\\"c", "…"));
        let without = r#"{"issuers": [{"secret": "env:S"}],  "rules": []}"#;
        assert_eq!(without_literal_secrets(without), without);
    }

    #[test]
    fn secrets_with_escapes_or_common_words_are_hidden_too() {
        for (text, secret) in [
            (r#"{"client_secret": "\u0068unter2"}"#, "unter2"),
            (
                r#"{"client_secret": "rules", "rules": ["rules"]}"#,
                "\"client_secret\": \"rules\"",
            ),
            (
                r#"{"secret": {"base64url": "YQ"}, "x": "YQ"}"#,
                "base64url\": \"YQ",
            ),
        ] {
            let shown = without_literal_secrets(text);
            assert!(!shown.contains(secret) && shown.contains(HIDDEN), "{shown}");
        }
        let shown = without_literal_secrets(r#"{"client_secret": "rules", "rules": ["rules"]}"#);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown, json!({"client_secret": HIDDEN, "rules": ["rules"]}));
    }

    #[test]
    fn text_that_is_not_json_is_hidden() {
        assert_eq!(
            without_literal_secrets("{\"client_secret\": \"hunter2\""),
            HIDDEN
        );
    }
}
