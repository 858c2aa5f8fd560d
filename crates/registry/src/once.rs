//! Responses to idempotent requests, which are returned again if the request is repeated.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

use crate::item::{Guard, Item, ItemKey, StoredItem, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, KeyRecord, VersionedDocument};

/// How long a response is stored, in seconds: 24 hours.
pub const RESPONSE_LIFETIME_S: i64 = 86_400;

/// A response under the id of its request.
#[derive(Clone, Debug)]
pub struct Once {
    /// The id, derived from the client's header, which is not stored itself.
    pub id: String,
    /// The response.
    pub answer: KeptAnswer,
}

/// Makes the response to store from the key as it will be.
pub trait Keep: Sync {
    /// Returns the response to store, if there is one.
    ///
    /// # Errors
    /// [`AdminError::Unsealed`]. Nothing was done.
    fn keep(&self, made: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError>;
}

/// Stores no response.
impl Keep for () {
    fn keep(&self, _: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError> {
        Ok(None)
    }
}

/// A response that can be read only with the id that its client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The fingerprint of the request.
    pub request: String,
    /// The encrypted response.
    pub sealed: String,
    /// The version of the key in the response. Unknown if an earlier release stored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Once {
    pub(super) fn write(&self, now: Timestamp) -> Result<Write, RegistryError> {
        let document =
            serde_json::to_string(&self.answer).map_err(|error| item_error("answer", &error))?;
        let ttl = Some(now.as_second() + RESPONSE_LIFETIME_S);
        let item = Item {
            ttl,
            ..Item::new(ItemKey::of_answer(&self.id), document)
        };
        Ok(Write::Put(item, Guard::AbsentOrOver(now.as_second())))
    }
}

impl Admin<'_> {
    /// Returns the response to the request with this id, if there was one within 24 hours.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn kept_answer(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<KeptAnswer>, AdminError> {
        let kept = self.table.get(&ItemKey::of_answer(id)).await?;
        let kept = kept.filter(|kept| kept.ttl.is_some_and(|ttl| ttl >= now.as_second()));
        let read = |kept: StoredItem| serde_json::from_str(&kept.document);
        Ok(kept
            .map(read)
            .transpose()
            .map_err(|error| item_error("answer", &error))?)
    }
}
