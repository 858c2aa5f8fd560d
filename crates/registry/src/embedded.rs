//! The registry in memory: the same items as in the table, and the parsed documents for decisions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use strict_json::JsonError;

use crate::{ApiKey, Blocks, KeyHash, RegistryError, Seeds, SeedsError};
use limits::check_name;
use limits::{Plan, PlanDocument};

use crate::KeyRecord;
use crate::candidates::candidate_policy;
use crate::item::{CommitOutcome, Guard, Item, ItemKey, StoredItem, Write};
use crate::table::ItemPage;

/// The greatest number of items with an expiry, such as ended secrets and stored responses: about
/// 50 MB. No timer removes them, so those that expire first make room.
const MAX_ENDING: usize = 100_000;

/// Plans, keys, policies and compositions in memory.
#[derive(Debug, Default)]
pub struct EmbeddedRegistry {
    /// Boxed, so that both kinds of store have a similar size.
    held: Box<RwLock<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<ItemKey, Item>,
    /// The items of a key, by its id.
    by_id: BTreeMap<String, BTreeSet<ItemKey>>,
    plans: HashMap<String, Arc<Plan>>,
    keys: HashMap<KeyHash, Arc<ApiKey>>,
    blocks: Arc<Blocks>,
    /// Items that may be deleted, by the second from which on they may.
    ending: BTreeSet<(i64, ItemKey)>,
}

/// The parsed document of a write, for decisions.
enum CachedDocument {
    Plan(Arc<Plan>),
    Key(KeyHash, Arc<ApiKey>),
    Blocks(Arc<Blocks>),
    Nothing,
}

impl EmbeddedRegistry {
    /// Returns a registry with these plans and keys, and logs the plans' warnings.
    ///
    /// # Errors
    /// [`SeedsError`] for the first plan or key that is invalid.
    pub fn new(seeds: &Seeds) -> Result<Self, SeedsError> {
        let mut held = Held::default();
        let shape =
            |error: serde_json::Error| SeedsError::Shape(JsonError::new(String::new(), &error));
        for plan in seeds.plans()? {
            let document = serde_json::to_string(&seeds.plans[&plan.name]).map_err(shape)?;
            held.put(
                Item::new(ItemKey::of_plan(&plan.name), document),
                CachedDocument::Plan(Arc::new(plan)),
            );
        }
        for (hash, record) in seeds.keys()? {
            let item = Item::of_record(&hash, &record).map_err(shape)?;
            held.put(item, CachedDocument::Key(hash, Arc::new(record.key)));
        }
        seeds.log_warnings();

        Ok(Self {
            held: Box::new(RwLock::new(held)),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the key with this hash.
    #[must_use]
    pub fn key(&self, hash: &KeyHash) -> Option<Arc<ApiKey>> {
        self.read().keys.get(hash).cloned()
    }

    /// Returns the plan with this name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<Arc<Plan>> {
        self.read().plans.get(name).cloned()
    }

    /// Returns the blocks.
    #[must_use]
    pub fn blocks(&self) -> Arc<Blocks> {
        Arc::clone(&self.read().blocks)
    }

    /// Returns the document of the policy with this name.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<String> {
        self.get(&ItemKey::of_policy(name))
            .map(|stored| stored.document)
    }

    /// Returns the candidate of the policy with this name.
    ///
    /// # Errors
    /// [`RegistryError::Item`] if its item is invalid.
    pub fn candidate(&self, name: &str) -> Result<Option<String>, RegistryError> {
        let found = self.get(&ItemKey::of_candidate(name));
        found
            .map(|stored| candidate_policy(&stored.document))
            .transpose()
    }

    /// Writes a policy, or replaces it. Its document is not checked.
    ///
    /// # Errors
    /// [`RegistryError::Plan`] if the name is invalid.
    pub fn put_policy(&self, name: &str, document: &str) -> Result<(), RegistryError> {
        check_name(name)?;
        let item = Item::new(ItemKey::of_policy(name), document.to_owned());
        self.commit(vec![Write::Put(item, Guard::None)]).map(drop)
    }

    /// Returns the document of compositions with this name.
    #[must_use]
    pub fn composition(&self, name: &str) -> Option<String> {
        self.get(&ItemKey::of_composition(name))
            .map(|stored| stored.document)
    }

    /// Writes a document of compositions, or replaces it. It is not checked.
    ///
    /// # Errors
    /// [`RegistryError::Plan`] if the name is invalid.
    pub fn put_composition(&self, name: &str, document: &str) -> Result<(), RegistryError> {
        check_name(name)?;
        let item = Item::new(ItemKey::of_composition(name), document.to_owned());
        self.commit(vec![Write::Put(item, Guard::None)]).map(drop)
    }

    /// Returns an item.
    pub(crate) fn get(&self, key: &ItemKey) -> Option<StoredItem> {
        self.read().items.get(key).map(Item::stored)
    }

    /// Returns the items of one kind after a name, by name.
    pub(crate) fn list(
        &self,
        pk: &str,
        after: Option<&str>,
        most: usize,
    ) -> Vec<(String, StoredItem)> {
        let from = ItemKey {
            pk: pk.to_owned(),
            sk: after.unwrap_or_default().to_owned(),
        };
        let held = self.read();
        let items = held
            .items
            .range((Bound::Excluded(from), Bound::Unbounded))
            .take_while(|(key, _)| key.pk == pk)
            .take(most);
        items
            .map(|(key, item)| (key.sk.clone(), item.stored()))
            .collect()
    }

    /// Returns names and documents of a partition before a name, the last one first.
    pub(crate) fn list_before(&self, key: &ItemKey, most: usize) -> ItemPage {
        let held = self.read();
        let items = held
            .items
            .range::<ItemKey, _>((Bound::Unbounded, Bound::Excluded(key)))
            .rev();
        let items = items.take_while(|(found, _)| found.pk == key.pk).take(most);
        let items: Vec<_> = items
            .map(|(found, item)| (found.sk.clone(), item.document.clone()))
            .collect();
        ItemPage {
            has_more: items.len() >= most,
            items,
        }
    }

    /// Returns the items of a key.
    pub(crate) fn by_id(&self, key_id: &str) -> Vec<KeyHash> {
        self.read()
            .by_id
            .get(key_id)
            .into_iter()
            .flatten()
            .filter_map(ItemKey::hash)
            .collect()
    }

    /// Returns the ids of keys with their items, of a plan or of all plans, after an id.
    pub(crate) fn entries(
        &self,
        plan: Option<&str>,
        after: Option<&str>,
        most: usize,
    ) -> Vec<(String, KeyHash)> {
        let held = self.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_plan = |key: &&ItemKey| {
            let indexed = held.items.get(*key).and_then(|item| item.indexed.as_ref());
            plan.is_none() || indexed.is_some_and(|indexed| indexed.plan.as_deref() == plan)
        };
        let ids = held.by_id.range::<str, _>((from, Bound::Unbounded));
        let entries = ids.flat_map(|(id, keys)| {
            keys.iter()
                .filter(of_plan)
                .filter_map(|key| Some((id.clone(), key.hash()?)))
                .collect::<Vec<_>>()
        });
        entries.take(most).collect()
    }

    /// Returns the ids of deleted keys after an id, in the order of the ids.
    pub(crate) fn deleted_ids(&self, after: Option<&str>, most: usize) -> Vec<String> {
        let from = ItemKey::of_deleted_key(after.unwrap_or_default());
        let held = self.read();
        let keys = held.items.range((Bound::Excluded(from), Bound::Unbounded));
        let ids = keys.map_while(|(key, _)| key.pk.strip_prefix(ItemKey::DELETED_KEY));
        ids.take(most).map(str::to_owned).collect()
    }

    /// Makes all writes or none.
    pub(crate) fn commit(&self, writes: Vec<Write>) -> Result<CommitOutcome, RegistryError> {
        let parsed = writes.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let failed: Vec<_> = (0..)
            .zip(&writes)
            .filter(|(_, write)| !held.admits(write))
            .map(|(at, _)| at)
            .collect();
        if !failed.is_empty() {
            return Ok(CommitOutcome::No(failed));
        }
        for (write, parsed) in writes.into_iter().zip(parsed) {
            match write {
                Write::Put(item, _) => held.put(item, parsed),
                Write::Delete(key, _) => held.remove(&key),
                Write::Check(_) => {}
            }
        }
        Ok(CommitOutcome::Yes)
    }
}

/// Parses a document before anything is written, so that an invalid one is never stored.
fn parse(write: &Write) -> Result<CachedDocument, RegistryError> {
    let Write::Put(item, _) = write else {
        return Ok(CachedDocument::Nothing);
    };
    let refuse = |kind| {
        move |error: serde_json::Error| RegistryError::Item {
            kind,
            reason: error.to_string(),
        }
    };
    if let Some(hash) = item.key.hash() {
        let record: KeyRecord = serde_json::from_str(&item.document).map_err(refuse("key"))?;
        return Ok(CachedDocument::Key(hash, Arc::new(record.key)));
    }
    if item.key.pk == ItemKey::BLOCKS {
        let blocks = Blocks::parse(&item.document)?;
        return Ok(CachedDocument::Blocks(Arc::new(blocks)));
    }
    if item.key.pk == ItemKey::PLAN {
        let document: PlanDocument =
            serde_json::from_str(&item.document).map_err(refuse("plan"))?;
        return Ok(CachedDocument::Plan(Arc::new(Plan::new(
            &item.key.sk,
            document,
        )?)));
    }
    Ok(CachedDocument::Nothing)
}

impl Held {
    fn admits(&self, write: &Write) -> bool {
        let there = self.items.get(write.key());
        match write {
            Write::Check(_) => there.is_some(),
            Write::Put(_, guard) | Write::Delete(_, guard) => match guard {
                Guard::None => true,
                Guard::Absent => there.is_none(),
                Guard::AbsentOrOver(now) => {
                    there.is_none_or(|item| item.ttl.is_some_and(|ttl| ttl < *now))
                }
                Guard::Unchanged(document) => there.is_some_and(|item| item.document == *document),
                Guard::UnchangedObject(document, managed_by) => there.is_some_and(|item| {
                    item.document == *document && item.managed_by == *managed_by
                }),
            },
        }
    }

    fn put(&mut self, item: Item, parsed: CachedDocument) {
        self.remove(&item.key);
        match parsed {
            CachedDocument::Plan(plan) => drop(self.plans.insert(plan.name.clone(), plan)),
            CachedDocument::Key(hash, key) => drop(self.keys.insert(hash, key)),
            CachedDocument::Blocks(blocks) => self.blocks = blocks,
            CachedDocument::Nothing => {}
        }
        if let Some(indexed) = &item.indexed {
            self.by_id
                .entry(indexed.key_id.clone())
                .or_default()
                .insert(item.key.clone());
        }
        if let Some(ttl) = item.ttl {
            self.ending.insert((ttl, item.key.clone()));
        }
        self.items.insert(item.key.clone(), item);
        self.keep_few();
    }

    /// Removes the items that expire first if there are too many.
    fn keep_few(&mut self) {
        while self.ending.len() > MAX_ENDING
            && let Some((_, key)) = self.ending.pop_first()
        {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &ItemKey) {
        let Some(item) = self.items.remove(key) else {
            return;
        };
        if let Some(ttl) = item.ttl {
            self.ending.remove(&(ttl, key.clone()));
        }
        if let Some(hash) = key.hash() {
            self.keys.remove(&hash);
        } else if key.pk == ItemKey::PLAN {
            self.plans.remove(&key.sk);
        }
        let Some(indexed) = item.indexed else { return };
        if let Some(keys) = self.by_id.get_mut(&indexed.key_id) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_id.remove(&indexed.key_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_end_first_make_room() {
        let mut held = Held::default();
        let item = |n: i64| Item {
            ttl: Some(n),
            ..Item::new(ItemKey::of_answer(&n.to_string()), "{}".to_owned())
        };
        let most = i64::try_from(MAX_ENDING).unwrap();
        for n in (1..=most + 2).rev() {
            held.put(item(n), CachedDocument::Nothing);
        }
        assert_eq!(
            (held.items.len(), held.ending.len()),
            (MAX_ENDING, MAX_ENDING)
        );
        assert!(
            held.items.contains_key(&item(most + 2).key) && !held.items.contains_key(&item(2).key)
        );
        // An item that is written again counts once.
        held.put(item(most), CachedDocument::Nothing);
        assert_eq!(held.ending.len(), MAX_ENDING);
    }

    #[test]
    fn a_policy_can_be_read_once_it_was_written() {
        let registry = EmbeddedRegistry::default();
        assert_eq!(registry.policy("main"), None);

        registry.put_policy("main", "{}").unwrap();
        assert_eq!(registry.policy("main").as_deref(), Some("{}"));
        assert!(matches!(
            registry.put_policy("no name", "{}"),
            Err(RegistryError::Plan(_))
        ));
    }
}
