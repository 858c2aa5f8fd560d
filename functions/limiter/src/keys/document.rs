//! A key, as clients send it and as they see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use usage::{ApiKey, KeyPatch, KeyRecord, Stored, parse_instant};
use utoipa::ToSchema;

use crate::problem::Mistake;

/// A key to be made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What people call it.
    #[schema(max_length = 1024)]
    name: Option<String>,
    /// What it is for.
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// The plan that is charged.
    pub(crate) plan: String,
    /// Whether it may be used; true where absent.
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// From this instant on it may not; never where absent.
    #[serde(default, deserialize_with = "usage::present_instant")]
    #[schema(value_type = String, required = false, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Who uses it: the `user_id` of its requests.
    #[schema(min_length = 1, max_length = 256)]
    subject: Option<String>,
    /// What a rule may ask for.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    scopes: Option<Vec<String>>,
    /// Whatever its owner wants to find beside it: at most 16 entries.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Option<BTreeMap<String, String>>,
}

/// Changes to a key (RFC 7396): what is absent stays, what is null is taken away.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyChanges {
    /// What people call it.
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    name: Option<Option<String>>,
    /// What it is for.
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    description: Option<Option<String>>,
    /// The plan that is charged.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    plan: Option<String>,
    /// Whether it may be used.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// From this instant on it may not.
    #[serde(deserialize_with = "named_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
    /// Who uses it: the `user_id` of its requests.
    #[serde(deserialize_with = "named")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    subject: Option<Option<String>>,
    /// What a rule may ask for.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    #[serde(deserialize_with = "named")]
    scopes: Option<Option<Vec<String>>>,
    /// Entries to add, replace or, being null, take away.
    #[schema(value_type = BTreeMap<String, Option<String>>, required = false)]
    #[serde(deserialize_with = "present")]
    metadata: Option<BTreeMap<String, Option<String>>>,
}

/// A member that is there, be it null.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// An instant that is there, be it null.
fn named_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let instant = text
        .map(|text| parse_instant(&text).ok_or_else(|| D::Error::custom("expected an instant")));
    instant.transpose().map(Some)
}

/// A member that is there and may not be null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A key.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Names it in logs, headers and usage, and survives its rotation.
    key_id: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The plan that is charged.
    plan: String,
    /// Whether it may be used.
    enabled: bool,
    /// From this instant on it may not.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "usage::optional_instant"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Who uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// What a rule may ask for.
    scopes: Vec<String>,
    /// Whatever its owner wants to find beside it.
    metadata: BTreeMap<String, String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// Until when earlier secrets of it work, one instant each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    earlier_secrets_end_at: Vec<Timestamp>,
}

/// A key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    /// The secret: what clients send as `x-api-key`.
    pub(crate) key: String,
    /// The key.
    #[serde(flatten)]
    pub(crate) shown: Key,
}

/// A key in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedKey {
    /// The key.
    #[serde(flatten)]
    shown: Key,
    /// Its entity tag.
    etag: String,
}

impl Key {
    pub(crate) fn of(record: KeyRecord, now: Timestamp) -> Self {
        let earlier_secrets_end_at = record
            .working(now)
            .into_iter()
            .map(|retiring| retiring.ends_at)
            .collect();
        let ApiKey {
            key_id,
            plan,
            enabled,
            expires_at,
            subject,
            scopes,
        } = record.key;
        let KeyRecord {
            name,
            description,
            metadata,
            created_at,
            ..
        } = record;
        Self {
            key_id,
            name,
            description,
            plan,
            enabled,
            expires_at,
            subject,
            scopes,
            metadata,
            created_at,
            earlier_secrets_end_at,
        }
    }
}

impl ListedKey {
    pub(crate) fn of(stored: Stored<KeyRecord>, now: Timestamp) -> Self {
        let etag = format!("\"{}\"", stored.version.as_str());
        Self {
            shown: Key::of(stored.document, now),
            etag,
        }
    }
}

impl NewKey {
    /// What it says that cannot be, whatever it will be called.
    pub(crate) fn mistakes(&self, now: Timestamp) -> Vec<Mistake> {
        mistakes(&self.clone().record("key".to_owned(), now))
    }

    /// The record of the key that is made now.
    pub(crate) fn record(self, key_id: String, now: Timestamp) -> KeyRecord {
        let enabled = self.enabled.unwrap_or(true);
        let (expires_at, subject, scopes) = (
            self.expires_at,
            self.subject,
            self.scopes.unwrap_or_default(),
        );
        let key = ApiKey {
            key_id,
            plan: self.plan,
            enabled,
            expires_at,
            subject,
            scopes,
        };
        let mut record = KeyRecord::new(key, now);
        record.name = self.name;
        record.description = self.description;
        record.metadata = self.metadata.unwrap_or_default();
        record
    }
}

impl KeyChanges {
    /// What it says that cannot be, whatever key it changes.
    pub(crate) fn mistakes(&self, now: Timestamp) -> Vec<Mistake> {
        let (key_id, plan) = ("key".to_owned(), "plan".to_owned());
        let key = ApiKey {
            key_id,
            plan,
            enabled: true,
            expires_at: None,
            subject: None,
            scopes: Vec::new(),
        };
        mistakes(&KeyRecord::new(key, now).patched(&self.clone().patch()))
    }

    pub(crate) fn patch(self) -> KeyPatch {
        KeyPatch {
            name: self.name,
            description: self.description,
            plan: self.plan,
            enabled: self.enabled,
            expires_at: self.expires_at,
            subject: self.subject,
            scopes: self.scopes.map(Option::unwrap_or_default),
            metadata: self.metadata,
        }
    }
}

/// What makes a record one that cannot be.
pub(crate) fn mistakes(record: &KeyRecord) -> Vec<Mistake> {
    record
        .mistakes()
        .into_iter()
        .map(|(member, detail)| Mistake::at(format!("/{member}"), detail))
        .collect()
}
