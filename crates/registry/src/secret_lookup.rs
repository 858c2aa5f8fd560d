//! Finds a key by the hash of one of its secrets.

use jiff::Timestamp;

use crate::item::ItemKey;
use crate::table::record;
use crate::{Admin, AdminError, KeyHash, KeyRecord, Refusal, Version, VersionedDocument};

/// The state of one secret of a key. It says nothing about the key, which may be disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// The present secret of the key.
    Present,
    /// A secret from before a rotation, whose grace period is not over.
    Earlier,
    /// A secret that no longer works.
    Ended,
}

impl Admin<'_> {
    /// Returns the key that has, or had, the secret of `hash`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if no existing key has or had the secret, [`AdminError::Registry`].
    pub async fn key_of_secret(
        &self,
        hash: &KeyHash,
        now: Timestamp,
    ) -> Result<(VersionedDocument<KeyRecord>, SecretState), AdminError> {
        let item = self.table.get(&ItemKey::of_key(hash)).await?;
        let text = item.ok_or(Refusal::NotFound)?.document;
        let found = record(&text)?;

        let Some(successor) = found.successor else {
            return Ok((versioned(&text, found), SecretState::Present));
        };
        let state = match found.end_of_secret(now) {
            Some(_) => SecretState::Ended,
            None => SecretState::Earlier,
        };

        // The item of a deleted key names itself, and leads to no key.
        let key = self.follow(successor).await?.ok_or(Refusal::NotFound)?;
        Ok((versioned(&key.text, key.record), state))
    }
}

fn versioned(text: &str, document: KeyRecord) -> VersionedDocument<KeyRecord> {
    VersionedDocument {
        version: Version::of(text),
        document,
    }
}
