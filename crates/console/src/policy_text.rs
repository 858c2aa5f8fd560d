//! The policy in force, for the page.

use serde::Serialize;

use crate::target::PolicyOrigin;

/// The policy in force, and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PolicyText {
    source: PolicyOrigin,
    /// The name of a policy of the registry, whose text the admin API returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The text, if the process knows it. Secrets that are written in it are replaced by `…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl PolicyText {
    /// Describes a policy. `text` must not have secrets.
    pub(crate) fn new(source: PolicyOrigin, text: Option<String>) -> Self {
        let name = match &source {
            PolicyOrigin::Table(name) => Some(name.clone()),
            _ => None,
        };
        Self { source, name, text }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn source_has_a_kind_and_a_name() {
        let shown = |source, text: Option<&str>| {
            serde_json::to_value(PolicyText::new(source, text.map(str::to_owned))).unwrap()
        };
        assert_eq!(
            shown(PolicyOrigin::Table("edge".to_owned()), None),
            json!({"source": {"kind": "table", "name": "edge"}, "name": "edge"})
        );
        assert_eq!(
            shown(PolicyOrigin::File("policy.json".to_owned()), Some("{}")),
            json!({"source": {"kind": "file", "name": "policy.json"}, "text": "{}"})
        );
        assert_eq!(
            shown(PolicyOrigin::Unknown, None),
            json!({"source": {"kind": "unknown"}})
        );
    }
}
