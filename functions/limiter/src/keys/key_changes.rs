//! The request to update a key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry::{ApiKey, KeyPatch, KeyRecord};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::networks;
use crate::problem::{Mistake, Problem};
use crate::request::document::{RequestDocument, instant_or_null};
use crate::schema::mistakes::Mistakes;

/// Changes to a key, a JSON merge patch (RFC 7396): an absent field keeps its value, and null
/// removes it.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyChanges {
    /// A name of your choice.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub(super) name: Option<Option<String>>,
    /// The purpose of the key.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub(super) description: Option<Option<String>>,
    /// The plan of the key.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = String, required = false)]
    pub(super) plan: Option<String>,
    /// False disables all secrets of the key.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = bool, required = false)]
    pub(super) enabled: Option<bool>,
    /// The time from which the key is expired.
    #[serde(deserialize_with = "nullable_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) expires_at: Option<Option<Timestamp>>,
    /// The time before which the key is not valid.
    #[serde(deserialize_with = "nullable_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) not_before: Option<Option<Timestamp>>,
    /// The addresses and networks from which the key may be used. Null allows every address.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    #[serde(deserialize_with = "nullable")]
    pub(super) allowed_ips: Option<Option<Vec<String>>>,
    /// The group of the key. All keys of a group and plan share one set of limits.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9_-]{1,63}$")]
    pub(super) group: Option<Option<String>>,
    /// The user of the key, which is the `user_id` of its requests.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(super) subject: Option<Option<String>>,
    /// The scopes of the key. A rule of the policy can require scopes.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    #[serde(deserialize_with = "nullable")]
    pub(super) scopes: Option<Option<Vec<String>>>,
    /// Entries to add or replace. Null removes an entry.
    #[schema(value_type = BTreeMap<String, Option<String>>, required = false)]
    #[serde(deserialize_with = "not_null")]
    pub(super) metadata: Option<BTreeMap<String, Option<String>>>,
}

/// Reads a field that is present and may be null.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads an instant that is present and may be null.
pub(super) fn nullable_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    instant_or_null(deserializer).map(Some)
}

/// Reads a field that is present and must not be null.
pub(super) fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl KeyChanges {
    /// Returns the changes.
    ///
    /// # Errors
    /// 422 if a network is invalid.
    pub(super) fn patch(self) -> Result<KeyPatch, Problem> {
        let texts = self.allowed_ips.clone().map(Option::unwrap_or_default);
        let allowed_ips = texts.as_deref().map(networks::read).transpose()?;
        Ok(KeyPatch {
            allowed_ips,
            ..self.patch_without_networks()
        })
    }

    fn patch_without_networks(self) -> KeyPatch {
        KeyPatch {
            name: self.name,
            description: self.description,
            plan: self.plan,
            enabled: self.enabled,
            expires_at: self.expires_at,
            subject: self.subject,
            scopes: self.scopes.map(Option::unwrap_or_default),
            metadata: self.metadata,
            not_before: self.not_before,
            group: self.group,
            ..KeyPatch::default()
        }
    }

    /// Returns the mistakes that do not depend on the key: those of an otherwise empty key after
    /// these changes, and after those of `more` that a change has no field for.
    pub(super) fn mistakes_with(self, more: KeyPatch, now: Timestamp) -> Vec<Mistake> {
        let texts = self.allowed_ips.clone().flatten().unwrap_or_default();
        let key = ApiKey::new("key".to_owned(), "plan".to_owned());
        let record = KeyRecord::new(key, now);
        let record = record
            .patched(&self.patch_without_networks())
            .patched(&more);

        let mut mistakes = super::mistakes(&record);
        mistakes.extend(networks::mistakes(&texts));
        mistakes
    }
}

impl RequestDocument for KeyChanges {
    const SCHEMA: &'static str = "KeyChanges";

    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        self.clone().mistakes_with(KeyPatch::default(), now)
    }
}
