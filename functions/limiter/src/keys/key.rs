//! Keys in responses.

use std::collections::BTreeMap;

use addresses::Network;
use jiff::Timestamp;
use jiff::civil::Date;
use registry::{ApiKey, KeyRecord, ManagedBy, VersionedDocument};
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
    /// The time before which the key is not valid.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "limits::optional_instant"
    )]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    /// The networks from which the key may be used, in CIDR notation. Absent if it may be used from
    /// everywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false, example = json!(["192.0.2.0/24", "2001:db8::/32"]))]
    allowed_ips: Vec<Network>,
    /// The group of the key, whose keys share their limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
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
    /// The time of the last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
    /// The last four characters of the secret, by which people recognize it. Absent if Tollgate has
    /// not seen the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The prefix of the key's secrets, if it is not `tg_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// The program that created the key, from `X-Tollgate-Managed-By`. Absent if it gave no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    managed_by: Option<ManagedBy>,
    /// The last day with an allowed call, within the last 366 days. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    last_used_on: Option<Date>,
    /// True if the usage could not be read, so that the key may be in use. Otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    last_use_unknown: bool,
    /// The times at which the earlier secrets expire, one for each that still works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    earlier_secrets_end_at: Vec<Timestamp>,
}

/// A key with its secret, which is not shown again.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    /// The secret, which clients send as `x-api-key`. Absent if the request has a `hash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub(super) key: Option<String>,
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
            not_before,
            allowed_ips,
            group,
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
            not_before,
            allowed_ips,
            group,
            subject,
            scopes,
            metadata: record.metadata,
            created_at: record.created_at,
            updated_at: record.updated_at,
            hint: record.hint,
            prefix: record.prefix,
            managed_by: record.managed_by,
            last_used_on: None,
            last_use_unknown: false,
            earlier_secrets_end_at,
        }
    }
}

impl Key {
    /// `last_use` is `None` if it is unknown.
    pub(super) fn with_last_use(self, last_use: Option<Option<Date>>) -> Self {
        Self {
            last_used_on: last_use.flatten(),
            last_use_unknown: last_use.is_none(),
            ..self
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
