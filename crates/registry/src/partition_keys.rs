//! The registry's partition keys, by kind of item. IAM conditions (`dynamodb:LeadingKeys`) name the
//! same kinds, so that a function can read and write only the items that it owns.

/// Begins the partition key of an API key, before its hash.
pub(crate) const KEY_PREFIX: &str = "key#";
/// Begins the partition key of the audit records of a day, before the day.
pub(crate) const AUDIT_PREFIX: &str = "audit#";
/// The partition key of every plan.
pub(crate) const PLAN: &str = "plan";
/// The partition key of every policy.
pub(crate) const POLICY: &str = "policy";
/// The partition key of every candidate of a policy.
pub(crate) const CANDIDATE: &str = "policy-candidate";
/// The partition key of every document of compositions.
pub(crate) const COMPOSITION: &str = "composition";
/// The partition key of the document of blocks.
pub(crate) const BLOCKS: &str = "blocks";

/// Patterns of the partition keys that a decision reads. Idempotent responses and shared secrets,
/// which are in the same table, are not among them.
pub const DECISION_KEY_PATTERNS: [&str; 5] = ["key#*", PLAN, POLICY, CANDIDATE, BLOCKS];

/// Partition keys of the documents that a composer reads: its compositions, the policy that decides
/// on parts, and the plans of charged parts.
pub const COMPOSER_KEY_PATTERNS: [&str; 3] = [COMPOSITION, POLICY, PLAN];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyHash;
    use crate::item::ItemKey;

    #[test]
    fn decisions_read_keys_plans_policies_and_blocks_and_no_other_items() {
        let hash = KeyHash::from_hex(&"0".repeat(64)).unwrap();
        let is_listed = |key: &ItemKey| {
            DECISION_KEY_PATTERNS
                .iter()
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(beginning) => key.pk.starts_with(beginning),
                    None => key.pk == *pattern,
                })
        };

        for key in [
            ItemKey::of_key(&hash),
            ItemKey::of_plan("p"),
            ItemKey::of_policy("p"),
            ItemKey::of_candidate("p"),
            ItemKey::of_blocks(),
        ] {
            assert!(is_listed(&key), "{key:?}");
        }
        for key in [
            ItemKey::of_answer("a"),
            ItemKey::of_secret("a"),
            ItemKey::of_plan_use("p"),
            ItemKey::of_composition("c"),
            ItemKey::of_audit("2026-11-29", "a"),
        ] {
            assert!(!is_listed(&key), "{key:?}");
        }
    }
}
