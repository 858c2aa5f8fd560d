//! The request to create a key.

use std::collections::BTreeMap;

use jiff::Timestamp;
use registry::{ApiKey, KeyRecord};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Mistake;
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
    /// The user of the key, which is the `user_id` of its requests.
    #[schema(min_length = 1, max_length = 256)]
    subject: Option<String>,
    /// The scopes of the key. A rule of the policy can require scopes.
    #[schema(value_type = Option<Vec<String>>, max_items = 64)]
    scopes: Option<Vec<String>>,
    /// At most 16 entries of your own.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Option<BTreeMap<String, String>>,
}

impl NewKey {
    /// Returns the record of the key.
    pub(super) fn record(self, key_id: String, now: Timestamp) -> KeyRecord {
        let key = ApiKey {
            key_id,
            plan: self.plan,
            enabled: self.enabled.unwrap_or(true),
            expires_at: self.expires_at,
            subject: self.subject,
            scopes: self.scopes.unwrap_or_default(),
        };

        let mut record = KeyRecord::new(key, now);
        record.name = self.name;
        record.description = self.description;
        record.metadata = self.metadata.unwrap_or_default();
        record
    }
}

impl RequestDocument for NewKey {
    const SCHEMA: &'static str = "NewKey";

    fn mistakes(&self, _: &Mistakes, now: Timestamp) -> Vec<Mistake> {
        super::mistakes(&self.clone().record("key".to_owned(), now))
    }
}
