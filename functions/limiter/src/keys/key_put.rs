//! The request to create or change a key whose id the client chooses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry::{KeyHash, KeyPatch};
use serde::Deserialize;
use utoipa::ToSchema;

use super::hash;
use super::key_changes::{KeyChanges, not_null, nullable, nullable_instant};
use crate::problem::{Mistake, Problem};
use crate::request::document::RequestDocument;
use crate::schema::mistakes::Mistakes;

/// A key to create or change. To change a key, an absent field keeps its value, and null removes it.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyPut {
    /// A name of your choice.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    name: Option<Option<String>>,
    /// The purpose of the key.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    description: Option<Option<String>>,
    /// The plan of the key. Required to create a key.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = String, required = false)]
    plan: Option<String>,
    /// False disables all secrets of the key. A new key is enabled by default.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// The time from which the key is expired.
    #[serde(deserialize_with = "nullable_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<Timestamp>>,
    /// The time before which the key is not valid.
    #[serde(deserialize_with = "nullable_instant")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Option<Timestamp>>,
    /// The addresses and networks from which the key may be used. Null allows every address.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    #[serde(deserialize_with = "nullable")]
    allowed_ips: Option<Option<Vec<String>>>,
    /// The group of the key. All keys of a group and plan share one set of limits.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9_-]{1,63}$")]
    group: Option<Option<String>>,
    /// The user of the key, which is the `user_id` of its requests.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    subject: Option<Option<String>>,
    /// The scopes of the key. A rule of the policy can require scopes.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    #[serde(deserialize_with = "nullable")]
    scopes: Option<Option<Vec<String>>>,
    /// Entries to add or replace. Null removes an entry.
    #[schema(value_type = BTreeMap<String, Option<String>>, required = false)]
    #[serde(deserialize_with = "not_null")]
    metadata: Option<BTreeMap<String, Option<String>>>,
    /// The prefix of secrets that are generated for the key. Null means `tg_`.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_]{0,31}_$", example = "acme_live_")]
    prefix: Option<Option<String>>,
    /// The SHA-256 of the secret, as 64 hexadecimal digits. A new key takes over this secret instead
    /// of a generated one. An existing key must have it.
    #[serde(deserialize_with = "not_null")]
    #[schema(value_type = String, required = false, pattern = "^[0-9A-Fa-f]{64}$")]
    hash: Option<String>,
}

impl KeyPut {
    /// Returns the hash of the secret, if the request has one.
    ///
    /// # Errors
    /// 422 if it is invalid.
    pub(super) fn hash(&self) -> Result<Option<KeyHash>, Problem> {
        self.hash.as_deref().map(hash::read).transpose()
    }

    /// Returns the changes.
    ///
    /// # Errors
    /// 422 if a network or the hash is invalid.
    pub(super) fn patch(self) -> Result<KeyPatch, Problem> {
        let (hash, prefix) = (self.hash()?, self.prefix.clone());
        Ok(KeyPatch {
            hash,
            prefix,
            ..self.changes().patch()?
        })
    }

    /// Returns the fields that PATCH has, too.
    fn changes(self) -> KeyChanges {
        KeyChanges {
            name: self.name,
            description: self.description,
            plan: self.plan,
            enabled: self.enabled,
            expires_at: self.expires_at,
            not_before: self.not_before,
            allowed_ips: self.allowed_ips,
            group: self.group,
            subject: self.subject,
            scopes: self.scopes,
            metadata: self.metadata,
        }
    }
}

impl RequestDocument for KeyPut {
    const SCHEMA: &'static str = "KeyPut";

    /// Returns the mistakes that do not depend on the key.
    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let patch = KeyPatch {
            prefix: self.prefix.clone(),
            ..KeyPatch::default()
        };
        let mut mistakes = self.clone().changes().mistakes_with(patch, now);
        mistakes.extend(self.hash.as_deref().and_then(hash::mistake));
        mistakes
    }
}
