//! The request to create a key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry::{ApiKey, KeyHash, KeyRecord};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{hash, networks};
use crate::problem::{Mistake, Problem};
use crate::request::document::RequestDocument;
use crate::schema::mistakes::Mistakes;

/// A key to create.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// A name of your choice.
    #[schema(max_length = 1024)]
    name: Option<String>,
    /// The purpose of the key.
    #[schema(max_length = 1024)]
    description: Option<String>,
    /// The plan of the key.
    plan: String,
    /// False for a key that is created disabled. Default: true.
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// The time from which the key is expired. Default: never.
    #[serde(default, deserialize_with = "limits::present_instant")]
    #[schema(value_type = String, required = false, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// The time before which the key is not valid. Default: valid at once.
    #[serde(default, deserialize_with = "limits::present_instant")]
    #[schema(value_type = String, required = false, format = DateTime)]
    not_before: Option<Timestamp>,
    /// The addresses and networks from which the key may be used. Default: everywhere.
    #[schema(value_type = Option<Vec<String>>, max_items = 32, example = json!(["192.0.2.0/24", "2001:db8::/32"]))]
    allowed_ips: Option<Vec<String>>,
    /// The group of the key. All keys of a group and plan share one set of limits.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{1,63}$", example = "acme")]
    group: Option<String>,
    /// The user of the key, which is the `user_id` of its requests.
    #[schema(min_length = 1, max_length = 256)]
    subject: Option<String>,
    /// The scopes of the key. A rule of the policy can require scopes.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    scopes: Option<Vec<String>>,
    /// At most 16 entries of your own.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Option<BTreeMap<String, String>>,
    /// The prefix of secrets that are generated for the key. Default: `tg_`.
    #[schema(pattern = "^[A-Za-z0-9_]{0,31}_$", example = "acme_live_")]
    prefix: Option<String>,
    /// The SHA-256 of a secret, as 64 hexadecimal digits. The key takes over this secret instead of
    /// a generated one.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    hash: Option<String>,
}

impl NewKey {
    /// Returns the hash of the secret, if the request has one.
    ///
    /// # Errors
    /// 422 if it is invalid.
    pub(super) fn hash(&self) -> Result<Option<KeyHash>, Problem> {
        self.hash.as_deref().map(hash::read).transpose()
    }

    /// Returns the record of the key.
    ///
    /// # Errors
    /// 422 if a network is invalid.
    pub(super) fn record(self, key_id: String, now: Timestamp) -> Result<KeyRecord, Problem> {
        let allowed_ips = networks::read(self.allowed_ips.as_deref().unwrap_or_default())?;
        let mut record = self.record_from_everywhere(key_id, now);
        record.key.allowed_ips = allowed_ips;
        Ok(record)
    }

    /// Returns the record of the key without its networks.
    fn record_from_everywhere(self, key_id: String, now: Timestamp) -> KeyRecord {
        let key = ApiKey {
            enabled: self.enabled.unwrap_or(true),
            expires_at: self.expires_at,
            not_before: self.not_before,
            group: self.group,
            subject: self.subject,
            scopes: self.scopes.unwrap_or_default(),
            ..ApiKey::new(key_id, self.plan)
        };

        let mut record = KeyRecord::new(key, now);
        record.name = self.name;
        record.prefix = self.prefix;
        record.description = self.description;
        record.metadata = self.metadata.unwrap_or_default();
        record
    }
}

impl RequestDocument for NewKey {
    const SCHEMA: &'static str = "NewKey";

    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        let texts = self.allowed_ips.as_deref().unwrap_or_default();
        let record = self.clone().record_from_everywhere("key".to_owned(), now);
        let mut mistakes = super::mistakes(&record);
        mistakes.extend(networks::mistakes(texts));
        mistakes.extend(self.hash.as_deref().and_then(hash::mistake));
        mistakes
    }
}
