//! The record of a key, as administrators see it.

use std::collections::BTreeMap;

use addresses::Network;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApiKey, KeyHash, ManagedBy};
use limits::Nanos;

/// The greatest number of characters of a name. API Gateway has the same limit.
pub const MAX_NAME_CHARACTERS: usize = 1024;
/// The greatest number of characters of a description.
pub const MAX_DESCRIPTION_CHARACTERS: usize = 1024;
/// The greatest number of entries of `metadata`.
pub const MAX_METADATA_ENTRIES: usize = 16;
/// The greatest number of characters of a name or value in `metadata`.
pub const MAX_METADATA_CHARACTERS: usize = 256;
/// The greatest number of scopes.
pub const MAX_SCOPES: usize = 64;
/// The greatest number of characters of a scope.
pub const MAX_SCOPE_CHARACTERS: usize = 128;

/// The greatest number of characters of a prefix.
pub const MAX_PREFIX_CHARACTERS: usize = 32;

/// The hint of a secret: its last four characters. The rest has at least 16 characters.
#[must_use]
pub fn hint(secret: &str) -> Option<String> {
    let begin = secret.len().checked_sub(HINT_CHARACTERS)?;
    secret.get(begin..).map(str::to_owned)
}

const HINT_CHARACTERS: usize = 4;

/// The document of a key: the fields that decisions need, and those for administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The fields that decisions need. Earlier releases read only these.
    #[serde(flatten)]
    pub key: ApiKey,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The purpose of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Data of the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The instant of creation. `None` for keys that an earlier release wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The instant of the last change. `None` for keys that an earlier release wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The last four characters of the secret, if Tollgate has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The beginning of secrets that Tollgate makes. `None` is the default, `tg_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The program that created the key. Later changes keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// Earlier secrets that work until their grace period ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<Retirement>,
    /// In the item of an earlier secret: the hash of the current one. In the item of a deleted
    /// key's secret: its own hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) successor: Option<KeyHash>,
    /// In the item of an ended secret: the instant at which it ended. See the module `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

/// An earlier secret of a rotated key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    /// The hash of the secret.
    pub hash: KeyHash,
    /// The instant at which its grace period ends.
    pub ends_at: Timestamp,
}

/// Changes to a key. A field that is `None` stays as it is; an inner `None` removes the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPatch {
    /// See [`KeyRecord::name`].
    pub name: Option<Option<String>>,
    /// See [`KeyRecord::description`].
    pub description: Option<Option<String>>,
    /// See [`ApiKey::plan`].
    pub plan: Option<String>,
    /// See [`ApiKey::enabled`].
    pub enabled: Option<bool>,
    /// See [`ApiKey::expires_at`].
    pub expires_at: Option<Option<Timestamp>>,
    /// See [`ApiKey::not_before`].
    pub not_before: Option<Option<Timestamp>>,
    /// See [`ApiKey::allowed_ips`].
    pub allowed_ips: Option<Vec<Network>>,
    /// See [`ApiKey::group`].
    pub group: Option<Option<String>>,
    /// See [`ApiKey::subject`].
    pub subject: Option<Option<String>>,
    /// See [`ApiKey::scopes`].
    pub scopes: Option<Vec<String>>,
    /// See [`KeyRecord::metadata`]. Entries without a value are removed.
    pub metadata: Option<BTreeMap<String, Option<String>>>,
    /// See [`KeyRecord::prefix`].
    pub prefix: Option<Option<String>>,
    /// The secret that the key must have. A patch never changes the secret.
    pub hash: Option<KeyHash>,
}

impl KeyRecord {
    /// Returns the record of a new key.
    #[must_use]
    pub fn new(key: ApiKey, now: Timestamp) -> Self {
        Self {
            key,
            name: None,
            description: None,
            metadata: BTreeMap::new(),
            created_at: Some(now),
            updated_at: Some(now),
            hint: None,
            prefix: None,
            managed_by: None,
            retiring: Vec::new(),
            successor: None,
            ended_at: None,
        }
    }

    /// Returns every invalid field, with the problem.
    #[must_use]
    pub fn mistakes(&self) -> Vec<(&'static str, String)> {
        let mut mistakes: Vec<_> = self
            .key
            .mistakes()
            .into_iter()
            .map(|(member, error)| (member, error.to_string()))
            .collect();
        let long = |text: &Option<String>, most| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > most)
        };
        if long(&self.name, MAX_NAME_CHARACTERS) {
            mistakes.push((
                "name",
                format!("it has at most {MAX_NAME_CHARACTERS} characters"),
            ));
        }
        if long(&self.description, MAX_DESCRIPTION_CHARACTERS) {
            mistakes.push((
                "description",
                format!("it has at most {MAX_DESCRIPTION_CHARACTERS} characters"),
            ));
        }
        if self.key.scopes.len() > MAX_SCOPES
            || self
                .key
                .scopes
                .iter()
                .any(|scope| scope.len() > MAX_SCOPE_CHARACTERS)
        {
            let most = format!(
                "there are at most {MAX_SCOPES}, of at most {MAX_SCOPE_CHARACTERS} characters each"
            );
            mistakes.push(("scopes", most));
        }
        if self
            .prefix
            .as_deref()
            .is_some_and(|prefix| !is_prefix(prefix))
        {
            let expected = format!(
                "expected 1 to {MAX_PREFIX_CHARACTERS} letters, digits and `_`, with `_` at the end"
            );
            mistakes.push(("prefix", expected));
        }
        let fits = |text: &String| (1..=MAX_METADATA_CHARACTERS).contains(&text.chars().count());
        let entries = self
            .metadata
            .iter()
            .all(|(name, value)| fits(name) && (value.is_empty() || fits(value)));
        if self.metadata.len() > MAX_METADATA_ENTRIES || !entries {
            let most = format!(
                "there are at most {MAX_METADATA_ENTRIES} entries, of at most {MAX_METADATA_CHARACTERS} characters each"
            );
            mistakes.push(("metadata", most));
        }
        mistakes
    }

    /// Returns the record with these changes.
    #[must_use]
    pub fn patched(mut self, patch: &KeyPatch) -> Self {
        set(&mut self.name, patch.name.as_ref());
        set(&mut self.description, patch.description.as_ref());
        set(&mut self.key.plan, patch.plan.as_ref());
        set(&mut self.key.enabled, patch.enabled.as_ref());
        set(&mut self.key.expires_at, patch.expires_at.as_ref());
        set(&mut self.key.not_before, patch.not_before.as_ref());
        set(&mut self.key.allowed_ips, patch.allowed_ips.as_ref());
        set(&mut self.key.group, patch.group.as_ref());
        set(&mut self.prefix, patch.prefix.as_ref());
        set(&mut self.key.subject, patch.subject.as_ref());
        set(&mut self.key.scopes, patch.scopes.as_ref());
        for (name, value) in patch.metadata.iter().flatten() {
            match value {
                Some(value) => drop(self.metadata.insert(name.clone(), value.clone())),
                None => drop(self.metadata.remove(name)),
            }
        }
        self
    }

    /// Returns the record after a change at `now`. If nothing differs from `before`, the instant of
    /// the last change stays, so that a repeated change makes no new version.
    #[must_use]
    pub(crate) fn changed_at(mut self, before: &Self, now: Timestamp) -> Self {
        if self != *before {
            self.updated_at = Some(now);
        }
        self
    }

    /// Returns the record in the item of an earlier secret: the same key with an expiry, and the
    /// hash of its successor.
    #[must_use]
    pub(crate) fn retired(&self, retiring: &Retirement, successor: KeyHash) -> Self {
        let end = self
            .key
            .expires_at
            .map_or(retiring.ends_at, |end| end.min(retiring.ends_at));
        let key = ApiKey {
            expires_at: Some(end),
            ..self.key.clone()
        };
        Self {
            successor: Some(successor),
            ..Self::bare(key)
        }
    }

    /// Returns the record of a secret of which only the key matters.
    pub(crate) fn bare(key: ApiKey) -> Self {
        Self {
            created_at: None,
            updated_at: None,
            ..Self::new(key, Timestamp::UNIX_EPOCH)
        }
    }

    /// Returns the earlier secrets that still work at `now`.
    #[must_use]
    pub fn working(&self, now: Timestamp) -> Vec<Retirement> {
        let nanos: Nanos = now.as_nanosecond();
        self.retiring
            .iter()
            .filter(|retiring| retiring.ends_at.as_nanosecond() > nanos)
            .cloned()
            .collect()
    }
}

/// True for a prefix that people and scanners can recognize.
fn is_prefix(text: &str) -> bool {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_plain && text.ends_with('_') && text.len() <= MAX_PREFIX_CHARACTERS
}

fn set<T: Clone>(member: &mut T, change: Option<&T>) {
    if let Some(value) = change {
        member.clone_from(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> KeyRecord {
        let key: ApiKey =
            serde_json::from_str(r#"{"key_id":"k1","plan":"free","enabled":true}"#).unwrap();
        KeyRecord::new(key, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_release_before_reads_a_record_as_the_key_that_it_knows() {
        let mut record = record();
        record.name = Some("Team A".to_owned());
        record.metadata.insert("team".to_owned(), "a".to_owned());
        record.retiring.push(Retirement {
            hash: KeyHash::of(&"k".repeat(20)).unwrap(),
            ends_at: Timestamp::UNIX_EPOCH,
        });
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<ApiKey>(&text).unwrap(), record.key);
        assert_eq!(serde_json::from_str::<KeyRecord>(&text).unwrap(), record);
    }

    #[test]
    fn a_key_of_the_release_before_is_a_record() {
        let read: KeyRecord =
            serde_json::from_str(r#"{"key_id":"k1","plan":"free","enabled":true}"#).unwrap();
        assert_eq!((read.key, read.created_at), (record().key, None));
    }

    #[test]
    fn an_earlier_secret_ends_with_its_grace_or_with_its_key_and_says_nothing_else() {
        let hash = KeyHash::of(&"k".repeat(20)).unwrap();
        let end = |second| Timestamp::from_second(second).unwrap();
        let mut record = record();
        record.name = Some("Team A".to_owned());
        let retiring = Retirement {
            hash,
            ends_at: end(100),
        };
        let retired = record.retired(&retiring, hash);
        assert_eq!(
            (retired.key.expires_at, &retired.name, retired.successor),
            (Some(end(100)), &None, Some(hash))
        );
        record.key.expires_at = Some(end(50));
        assert_eq!(
            record.retired(&retiring, hash).key.expires_at,
            Some(end(50))
        );
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let mut record = record();
        record.name = Some("n".repeat(1025));
        record.description = Some("d".repeat(1025));
        record.key.subject = Some("-".to_owned());
        record.key.scopes = vec!["s".repeat(129)];
        record.metadata = (0..17).map(|n| (n.to_string(), String::new())).collect();
        let members: Vec<_> = record
            .mistakes()
            .into_iter()
            .map(|(member, _)| member)
            .collect();
        assert_eq!(
            members,
            ["subject", "name", "description", "scopes", "metadata"]
        );
    }

    #[test]
    fn a_patch_changes_what_it_names_and_takes_away_what_it_says_is_nothing() {
        let mut before = record();
        before.name = Some("Team A".to_owned());
        before.metadata = [("a", "1"), ("b", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let metadata = [
            ("a".to_owned(), None),
            ("c".to_owned(), Some("3".to_owned())),
        ]
        .into();
        let patch = KeyPatch {
            name: Some(None),
            enabled: Some(false),
            metadata: Some(metadata),
            ..KeyPatch::default()
        };
        let after = before.clone().patched(&patch);
        assert_eq!(
            (after.name, after.key.enabled, &after.key.plan),
            (None, false, &before.key.plan)
        );
        assert_eq!(after.metadata.keys().collect::<Vec<_>>(), ["b", "c"]);
    }
}
