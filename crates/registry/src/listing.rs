//! Lists of keys. The index says which keys exist. It may be older than the items, so that an entry
//! may name the item of a replaced secret. Such an entry leads to the current item of the key.

use std::collections::HashMap;

use crate::{KeyHash, RegistryError};

use crate::keys::KeyEntry;
use crate::{Admin, AdminError, KeyRecord, Page, Version, VersionedDocument};

/// More than the number of items of a key, so that each page of the index shows another key.
const SPARE: usize = 8;
/// The greatest number of keys that a page reads in place of outdated entries of the index.
const MAX_OUTDATED: usize = 100;

/// The entries of the index that belong to one key.
#[derive(Debug, PartialEq, Eq)]
struct Entries {
    key_id: String,
    hashes: Vec<KeyHash>,
}

/// A page of the index.
pub(super) struct IndexPage {
    /// The id of each key, and the key if it exists.
    pub(super) keys: Vec<(String, Option<KeyEntry>)>,
    /// True if there may be more keys.
    pub(super) has_more: bool,
    /// The number of items that the index names. Each was read once.
    pub(super) items_read: usize,
}

type Records = HashMap<KeyHash, (String, KeyRecord)>;

impl Admin<'_> {
    /// Returns at most `limit` keys of a plan, or of all plans, after an id, in a stable order. A
    /// key that exists during the whole listing is shown exactly once, even if it is changed or
    /// rotated. A key that is created, deleted or moved during the listing may be shown or not.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn keys(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<VersionedDocument<KeyRecord>>, AdminError> {
        let page = self.listed(plan, after, limit).await?;
        let items = page.items.into_iter().map(|found| VersionedDocument {
            version: Version::of(&found.text),
            document: found.record,
        });
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Returns at most `limit` keys after an id with the hashes of their present secrets, as
    /// [`Self::keys`] lists them.
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn key_hashes(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(String, KeyHash)>, AdminError> {
        let page = self.listed(None, after, limit).await?;
        let items = page.items.into_iter();
        let items = items.map(|found| (found.record.key.key_id, found.hash));
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    async fn listed(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<KeyEntry>, AdminError> {
        let (mut items, mut after) = (Vec::with_capacity(limit), after.map(str::to_owned));
        let mut outdated = 0;
        loop {
            // Each page has room for as many outdated entries as were found so far.
            let max_keys = limit - items.len() + MAX_OUTDATED.min(outdated);
            let page = self
                .index_page(plan, after.as_deref(), max_keys + SPARE, max_keys)
                .await?;
            let count = page.keys.len();

            for (position, (key_id, found)) in page.keys.into_iter().enumerate() {
                let is_listed =
                    |found: &KeyEntry| plan.is_none_or(|plan| found.record.key.plan == plan);
                match found.filter(is_listed) {
                    Some(found) => items.push(found),
                    None => outdated += 1,
                }
                if items.len() == limit {
                    let has_more = page.has_more || position + 1 < count;
                    return Ok(Page {
                        items,
                        next: has_more.then_some(key_id),
                    });
                }
                after = Some(key_id);
            }
            if !page.has_more {
                return Ok(Page { items, next: None });
            }
        }
    }

    /// Reads up to `max_entries` entries of the index after an id, and the current items of the
    /// first `max_keys` keys among them.
    pub(super) async fn index_page(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        max_entries: usize,
        max_keys: usize,
    ) -> Result<IndexPage, RegistryError> {
        let entries = self.table.entries(plan, after, max_entries).await?;
        let mut has_more = entries.len() == max_entries;
        let mut keys = grouped(entries);
        // Further entries of the last key may be on the next page, which begins with it.
        if has_more && keys.len() > 1 {
            keys.pop();
        }
        has_more |= keys.len() > max_keys;
        keys.truncate(max_keys);

        let hashes: Vec<_> = keys
            .iter()
            .flat_map(|entries| &entries.hashes)
            .copied()
            .collect();
        let mut records = self.table.records(&hashes).await?;
        let mut page = IndexPage {
            keys: Vec::with_capacity(keys.len()),
            has_more,
            items_read: hashes.len(),
        };
        for entries in keys {
            let found = self.present_item(&entries, &mut records).await?;
            page.keys.push((entries.key_id, found));
        }
        Ok(page)
    }

    /// Returns the current item of the key: the one that the index names, or its successor.
    async fn present_item(
        &self,
        entries: &Entries,
        records: &mut Records,
    ) -> Result<Option<KeyEntry>, RegistryError> {
        let (mut successor, mut is_deleted) = (None, false);
        for hash in &entries.hashes {
            let Some((text, record)) = records.remove(hash) else {
                continue;
            };
            match record.successor {
                _ if record.key.key_id != entries.key_id => {}
                None => {
                    return Ok(Some(KeyEntry {
                        hash: *hash,
                        text,
                        record,
                    }));
                }
                Some(next) if next == *hash => is_deleted = true,
                Some(next) => successor = Some(next),
            }
        }

        if is_deleted {
            return Ok(None);
        }
        let followed = match successor {
            Some(successor) => self.follow(successor).await?,
            None => None,
        };
        match followed {
            Some(found) => Ok(Some(found)),
            // It was replaced again, or an earlier release removed the item.
            None => self.look(&entries.key_id).await,
        }
    }
}

/// Groups entries by key. The entries of a key are adjacent.
fn grouped(entries: Vec<(String, KeyHash)>) -> Vec<Entries> {
    let mut keys: Vec<Entries> = Vec::new();
    for (key_id, hash) in entries {
        match keys.last_mut().filter(|last| last.key_id == key_id) {
            Some(last) => last.hashes.push(hash),
            None => keys.push(Entries {
                key_id,
                hashes: vec![hash],
            }),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddedRegistry;
    use crate::{Condition, Seeds};

    #[test]
    fn entries_are_grouped_by_key() {
        let hash = |byte: &str| KeyHash::from_hex(&byte.repeat(32)).unwrap();
        let entries =
            [("a", "01"), ("a", "02"), ("b", "03")].map(|(id, byte)| (id.to_owned(), hash(byte)));
        let keys = grouped(entries.to_vec());
        assert_eq!(
            keys[0],
            Entries {
                key_id: "a".to_owned(),
                hashes: vec![hash("01"), hash("02")]
            }
        );
        assert_eq!((keys.len(), &keys[1].key_id), (2, &"b".to_owned()));
    }

    #[tokio::test]
    async fn entry_of_a_replaced_secret_leads_to_the_key() {
        let seeds = Seeds::parse(
            r#"{"plans":{"p":{}},"keys":[{"key":"a-secret-of-a-test-000001","key_id":"k","plan":"p"}]}"#,
        );
        let registry = EmbeddedRegistry::new(&seeds.unwrap()).unwrap();
        let (admin, now) = (Admin::embedded(&registry), jiff::Timestamp::now());
        let entries = || Entries {
            key_id: "k".to_owned(),
            hashes: vec![KeyHash::of("a-secret-of-a-test-000001").unwrap()],
        };

        // More rotations than a key can have working secrets.
        for n in 2..12 {
            let hash = KeyHash::of(&format!("a-secret-of-a-test-{n:06}")).unwrap();
            admin
                .rotate_key("k", &hash.into(), now, &Condition::None, &(), now)
                .await
                .unwrap();
            let mut records = admin.table.records(&entries().hashes).await.unwrap();
            let found = admin
                .present_item(&entries(), &mut records)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((found.hash, found.record.key.key_id.as_str()), (hash, "k"));
        }

        admin.delete_key("k", &Condition::None, now).await.unwrap();
        let mut records = admin.table.records(&entries().hashes).await.unwrap();
        assert!(
            admin
                .present_item(&entries(), &mut records)
                .await
                .unwrap()
                .is_none()
        );
    }
}
