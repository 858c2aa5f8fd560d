//! Keys in responses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry::{ApiKey, KeyRecord, VersionedDocument};
use serde::Serialize;
use utoipa::ToSchema;

use crate::response;

/// A key without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// The id of the key in logs, headers and usage. Rotation keeps it.
    key_id: String,
    /// A name of your choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The purpose of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The plan of the key.
    plan: String,
    /// False if the key is disabled.
    enabled: bool,
    /// The time from which the key is expired.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "limits::optional_instant"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// The user of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// The scopes of the key.
    scopes: Vec<String>,
    /// Entries of your own.
    metadata: BTreeMap<String, String>,
    /// The time at which the key was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// The times at which the earlier secrets expire, one for each that still works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    earlier_secrets_end_at: Vec<Timestamp>,
}

/// A key with its secret, which is not shown again.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    /// The secret, which clients send as `x-api-key`.
    pub(super) key: String,
    /// The key.
    #[serde(flatten)]
    pub(super) shown: Key,
}

/// A key in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ListedKey {
    /// The key.
    #[serde(flatten)]
    shown: Key,
    /// The entity tag of the key, for `If-Match`.
    etag: String,
}

impl Key {
    /// Returns a key as it is at the time `now`.
    pub(super) fn of(record: KeyRecord, now: Timestamp) -> Self {
        let earlier_secrets = record.working(now).into_iter();
        let earlier_secrets_end_at = earlier_secrets.map(|secret| secret.ends_at).collect();

        let ApiKey {
            key_id,
            plan,
            enabled,
            expires_at,
            subject,
            scopes,
        } = record.key;
        Self {
            key_id,
            name: record.name,
            description: record.description,
            plan,
            enabled,
            expires_at,
            subject,
            scopes,
            metadata: record.metadata,
            created_at: record.created_at,
            earlier_secrets_end_at,
        }
    }
}

impl ListedKey {
    pub(super) fn of(stored: VersionedDocument<KeyRecord>, now: Timestamp) -> Self {
        Self {
            etag: response::entity_tag(&stored.version),
            shown: Key::of(stored.document, now),
        }
    }
}
