//! API keys of API Gateway as keys.

use std::collections::{BTreeMap, HashMap};

use declaration::DeclaredKey;
use jiff::Timestamp;
use registry::{
    KeyHash, MAX_DESCRIPTION_CHARACTERS, MAX_METADATA_CHARACTERS, MAX_METADATA_ENTRIES,
};
use serde_json::{Map, Value};

use super::account::ApiKey;
use crate::names::Names;
use crate::secret::is_guessable;
use crate::{Findings, Origin};

/// Converts keys, whose ids and secrets are unique.
#[derive(Default)]
pub(super) struct KeyConversion {
    names: Names,
    /// The id of the key with each secret.
    secrets: HashMap<KeyHash, String>,
}

/// The plan of a key.
pub(super) struct PlanOfKey {
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
}

impl KeyConversion {
    /// Converts a key. `None` if another key has the same secret.
    pub(super) fn convert(
        &mut self,
        key: &ApiKey,
        plan: PlanOfKey,
        origin: &Origin,
        findings: &mut Findings,
    ) -> Option<DeclaredKey> {
        let hash = hash(key.value.as_deref(), origin, findings);
        let key_id = self.names.key(&key.id, "key", hash.is_some());
        if key_id != key.id {
            findings.warning(origin, format!("the id becomes `{key_id}`"));
        }
        if let Some(hash) = hash
            && let Some(other) = self.secrets.insert(hash, key.id.clone())
        {
            let text =
                format!("it has the same value as the key {other}; a secret belongs to one key");
            findings.closed(origin, text);
            self.secrets.insert(hash, other);
            return None;
        }

        findings.became(
            origin,
            format!("key `{key_id}` with the plan `{}`", plan.name),
        );
        Some(DeclaredKey {
            key_id,
            fields: fields(key, plan, origin, findings),
            hash: hash.map(|hash| hash.hex()),
        })
    }
}

/// Returns the hash of the value, or reports that the key gets another secret.
fn hash(value: Option<&str>, origin: &Origin, findings: &mut Findings) -> Option<KeyHash> {
    let Some(value) = value else {
        let text = "its value is missing, so that `apply` makes a new secret and the present one is refused. Use \
                    `get-api-keys --include-values`";
        findings.closed(origin, text);
        return None;
    };
    match KeyHash::of(value) {
        Ok(hash) => {
            if is_guessable(value) {
                let text =
                    "its value is easy to guess, also from its hash. Rotate it after the import";
                findings.warning(origin, text);
            }
            Some(hash)
        }
        Err(error) => {
            let text =
                format!("its value cannot be taken over: {error}. `apply` makes a new secret");
            findings.closed(origin, text);
            None
        }
    }
}

fn fields(
    key: &ApiKey,
    plan: PlanOfKey,
    origin: &Origin,
    findings: &mut Findings,
) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    for (name, text) in [("name", &key.name), ("description", &key.description)] {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            set(name, cut(name, text, origin, findings).into());
        }
    }
    set("plan", plan.name.into());

    if key.enabled != Some(true) {
        set("enabled", Value::Bool(false));
    }
    if key.enabled.is_none() {
        let text = "it is unknown whether it is enabled, so that it becomes disabled. Add the file of `get-api-keys`";
        findings.closed(origin, text);
    }
    let metadata = metadata(key, origin, findings);
    if !metadata.is_empty() {
        set("metadata", metadata.into_iter().collect());
    }
    if !plan.scopes.is_empty() {
        set("scopes", plan.scopes.into());
    }

    if key
        .stage_keys
        .as_ref()
        .is_some_and(|stages| !stages.is_empty())
    {
        findings.not_mapped(origin, "`stageKeys`: usage plans have replaced them");
    }
    for field in key.unknown.keys().take(20) {
        findings.warning(
            origin,
            format!("`{field}`: unknown field, which is ignored"),
        );
    }
    fields
}

fn cut(field: &str, text: &str, origin: &Origin, findings: &mut Findings) -> String {
    if text.chars().count() <= MAX_DESCRIPTION_CHARACTERS {
        return text.to_owned();
    }
    let text_cut = format!("`{field}` is cut after {MAX_DESCRIPTION_CHARACTERS} characters");
    findings.not_mapped(origin, text_cut);
    text.chars().take(MAX_DESCRIPTION_CHARACTERS).collect()
}

/// Returns the customer, the instant of creation, and the tags as far as they fit.
fn metadata(key: &ApiKey, origin: &Origin, findings: &mut Findings) -> BTreeMap<String, Value> {
    let customer = key.customer_id.clone().filter(|text| !text.is_empty());
    let customer = customer.map(|text| ("customer_id".to_owned(), text));
    let created = key.created_date.as_ref().and_then(instant);
    let created = created.map(|text| ("created_at".to_owned(), text));
    let tags = key.tags.clone().into_iter().flatten();

    let mut metadata = BTreeMap::new();
    for (name, text) in customer.into_iter().chain(created).chain(tags) {
        let fits =
            |text: &str, least| (least..=MAX_METADATA_CHARACTERS).contains(&text.chars().count());
        let is_free = !metadata.contains_key(&name) && metadata.len() < MAX_METADATA_ENTRIES;
        if is_free && fits(&name, 1) && fits(&text, 0) {
            metadata.insert(name, Value::from(text));
        } else {
            let reason =
                "metadata has at most 16 entries with different names, of 256 characters each";
            findings.not_mapped(origin, format!("tag `{name}`: {reason}"));
        }
    }
    metadata
}

/// Returns an instant, which version 1 of the AWS CLI prints as seconds, and version 2 as text.
fn instant(value: &Value) -> Option<String> {
    let instant = match value {
        Value::String(text) => text.parse::<Timestamp>().ok()?,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an instant is whole seconds"
        )]
        Value::Number(seconds) => Timestamp::from_second(seconds.as_f64()? as i64).ok()?,
        _ => return None,
    };
    Some(instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_both_versions_of_the_cli_are_read() {
        for value in [
            "1456184452",
            "1456184452.0",
            "\"2016-02-22T15:40:52-08:00\"",
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(instant(&value).as_deref(), Some("2016-02-22T23:40:52Z"));
        }
        assert_eq!(instant(&Value::from("yesterday")), None);
    }
}
