//! The documents of the registry: keys, one plan, and no blocks.

use std::collections::HashMap;

use registry::KeyHash;
use serde_json::json;

/// The name of the plan.
pub const PLAN: &str = "plan";

/// The registry.
#[derive(Debug)]
pub struct Documents {
    hashes: Vec<KeyHash>,
    ranks: HashMap<String, u32>,
    plan: String,
}

impl Documents {
    /// Returns a registry with `keys` keys, all of them with the plan of this document.
    #[must_use]
    pub fn new(keys: u32, plan: &str) -> Self {
        let secret = |rank| format!("simulated-key-{rank:09}");
        let hashes: Vec<KeyHash> = (1..=keys)
            .filter_map(|rank| KeyHash::of(&secret(rank)).ok())
            .collect();
        Self {
            ranks: hashes.iter().map(KeyHash::hex).zip(1..).collect(),
            hashes,
            plan: plan.to_owned(),
        }
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.hashes.len()
    }

    /// Returns the hash of the key with a rank, from 1.
    #[must_use]
    pub fn hash(&self, rank: u32) -> Option<KeyHash> {
        self.hashes
            .get(usize::try_from(rank).ok()?.checked_sub(1)?)
            .copied()
    }

    /// Returns the id of the key with a rank.
    #[must_use]
    pub fn key_id(rank: u32) -> String {
        format!("k{rank:09}")
    }

    /// Returns the rank of the key whose usage is in the item with this id, such as
    /// `key#k000000001` or `history#key#k000000001#202611`.
    #[must_use]
    pub fn rank_of(id: &str) -> Option<u32> {
        let (_, rest) = id.split_once("key#k")?;
        rest.get(..9)?.parse().ok()
    }

    /// Returns the response to a read.
    #[must_use]
    pub fn item(&self, pk: &str, sk: &str) -> String {
        let document = match pk.strip_prefix("key#") {
            Some(hash) => self.ranks.get(hash).map(|rank| {
                json!({"key_id": Self::key_id(*rank), "plan": PLAN, "enabled": true}).to_string()
            }),
            None => (pk == "plan" && sk == PLAN).then(|| self.plan.clone()),
        };
        let Some(document) = document else {
            return "{}".to_owned();
        };
        json!({"Item": {"pk": {"S": pk}, "sk": {"S": sk}, "v": {"N": "1"}, "doc": {"S": document}}})
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_found_by_its_hash_and_its_rank_by_its_id() {
        let documents = Documents::new(20, "{}");
        let hash = documents.hash(17).unwrap().hex();
        assert!(
            documents
                .item(&format!("key#{hash}"), "key")
                .contains("k000000017")
        );
        assert_eq!(Documents::rank_of("key#k000000017"), Some(17));
        assert_eq!(
            Documents::rank_of("history#key#k000000017#202611"),
            Some(17)
        );
        assert_eq!(documents.item("blocks", "blocks"), "{}");
        assert_eq!(documents.hash(0), None);
    }
}
