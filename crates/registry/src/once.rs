//! Answers that are given once, and again to whoever repeats the request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RegistryError;

use crate::item::{Guard, Item, ItemKey, Write};
use crate::plans::item_error;
use crate::{Admin, AdminError, KeyRecord, VersionedDocument};

/// How long an answer is kept, in seconds: 24 hours.
pub const KEPT_ANSWER_S: i64 = 86_400;

/// An answer under the id of its request.
#[derive(Clone, Debug)]
pub struct Once {
    /// Made from the id that the client sent, which is not kept itself.
    pub id: String,
    /// What is kept.
    pub answer: KeptAnswer,
}

/// Makes the answer that is kept from the key as it will be.
pub trait Keep: Sync {
    /// What is to be kept, if anything.
    ///
    /// # Errors
    /// [`AdminError::Unsealed`]; then nothing is done.
    fn keep(&self, made: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError>;
}

/// Nothing is kept.
impl Keep for () {
    fn keep(&self, _: &VersionedDocument<KeyRecord>) -> Result<Option<Once>, AdminError> {
        Ok(None)
    }
}

/// An answer that cannot be read without the id that its client sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Tells the request from every other.
    pub request: String,
    /// The answer, sealed.
    pub sealed: String,
    /// The version of what it shows; unknown for what an earlier release kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Once {
    pub(super) fn write(&self, now: Timestamp) -> Result<Write, RegistryError> {
        let document =
            serde_json::to_string(&self.answer).map_err(|error| item_error("answer", &error))?;
        let ttl = Some(now.as_second() + KEPT_ANSWER_S);
        let item = Item {
            ttl,
            ..Item::new(ItemKey::of_answer(&self.id), document)
        };
        Ok(Write::Put(item, Guard::AbsentOrOver(now.as_second())))
    }
}

impl Admin<'_> {
    /// The answer that was given to the request of this id within 24 hours, if there was one.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn kept_answer(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<KeptAnswer>, AdminError> {
        let kept = self.table.get(&ItemKey::of_answer(id)).await?;
        let kept = kept.filter(|(_, ttl)| ttl.is_some_and(|ttl| ttl >= now.as_second()));
        let read = |(document, _): (String, _)| serde_json::from_str(&document);
        Ok(kept
            .map(read)
            .transpose()
            .map_err(|error| item_error("answer", &error))?)
    }
}
