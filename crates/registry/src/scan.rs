//! Scans of the index of keys, for searches and bulk changes. Each step reads a bounded number of
//! items.

use crate::keys::KeyEntry;
use crate::{Admin, AdminError, KeyHash, KeyRecord, Version, VersionedDocument};

/// The fewest entries of a step: more than one key has, so that each step shows another key.
pub const MIN_SCAN_ENTRIES: usize = 16;

/// One step of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyScan {
    /// The keys, in a stable order.
    pub keys: Vec<ScannedKey>,
    /// The id after which the next step begins, if there is one.
    pub next: Option<String>,
    /// The number of items that were read.
    pub items_read: usize,
}

/// A key of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct ScannedKey {
    /// The hash of its current secret.
    pub hash: KeyHash,
    /// The key.
    pub stored: VersionedDocument<KeyRecord>,
}

impl Admin<'_> {
    /// Reads up to `most` entries of the index after an id, at least [`MIN_SCAN_ENTRIES`], and the
    /// key of each. The step may have no keys although there are more.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn scan_keys(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Result<KeyScan, AdminError> {
        let most = most.max(MIN_SCAN_ENTRIES);
        let page = self.index_page(plan, after, most, most).await?;
        let is_listed = |key: &KeyEntry| plan.is_none_or(|plan| key.record.key.plan == plan);

        let last = page.keys.last().map(|(key_id, _)| key_id.clone());
        let found = page.keys.into_iter().filter_map(|(_, found)| found);
        Ok(KeyScan {
            keys: found.filter(is_listed).map(ScannedKey::from).collect(),
            next: last.filter(|_| page.has_more),
            items_read: page.items_read,
        })
    }
}

impl From<KeyEntry> for ScannedKey {
    fn from(found: KeyEntry) -> Self {
        let stored = VersionedDocument {
            version: Version::of(&found.text),
            document: found.record,
        };
        Self {
            hash: found.hash,
            stored,
        }
    }
}
