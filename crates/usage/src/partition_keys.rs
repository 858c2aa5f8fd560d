//! The partition keys of both tables, by kind of item. IAM conditions (`dynamodb:LeadingKeys`) name
//! the same kinds, so that a function can read and write only the items that it owns.

/// An API key's usage.
pub(crate) const KEY_CALLER: &str = "key#";
/// The usage of a token's subject.
pub(crate) const SUBJECT_CALLER: &str = "sub#";
/// The usage of a client certificate.
pub(crate) const CERTIFICATE_CALLER: &str = "cert#";
/// The usage of an address.
pub(crate) const ADDRESS_CALLER: &str = "ip#";
/// The usage of all callers of a shared plan.
pub(crate) const PLAN_CALLER: &str = "plan#";
/// Days that have left a caller's item.
pub(crate) const HISTORY: &str = "history#";
/// A charge that was refunded.
pub(crate) const REFUND: &str = "refund#";
/// A grant that has a name.
pub(crate) const GRANT: &str = "grant#";

/// Beginnings of the usage table's partition keys that a charge may read and write.
pub const CHARGE_KEYS: [&str; 6] = [
    KEY_CALLER,
    SUBJECT_CALLER,
    CERTIFICATE_CALLER,
    ADDRESS_CALLER,
    PLAN_CALLER,
    HISTORY,
];
/// Beginnings of the usage table's partition keys that only administration reads and writes.
pub const CORRECTION_KEYS: [&str; 2] = [REFUND, GRANT];

/// Begins the registry's partition key of an API key, before its hash.
pub(crate) const REGISTRY_KEY: &str = "key#";
/// The registry's partition key of every plan.
pub(crate) const REGISTRY_PLAN: &str = "plan";
/// The registry's partition key of every policy.
pub(crate) const REGISTRY_POLICY: &str = "policy";

/// Patterns of the registry's partition keys that a decision reads. Idempotent responses and shared
/// secrets, which are in the same table, are not among them.
pub const DECISION_KEY_PATTERNS: [&str; 3] = ["key#*", REGISTRY_PLAN, REGISTRY_POLICY];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admin::ItemKey;
    use crate::{Caller, KeyHash};

    #[test]
    fn every_callers_item_has_a_listed_partition_key() {
        let callers = [
            Caller::Key("k".to_owned()),
            Caller::from_subject("https://a", "alice"),
            Caller::from_certificate("CN=a", "CN=ca"),
            Caller::from_address("192.0.2.7".parse().unwrap(), "p"),
            Caller::Plan(Arc::from("p")),
        ];
        for (caller, expected) in callers.iter().zip(CHARGE_KEYS) {
            let id = caller.to_string();
            let listed: Vec<_> = CHARGE_KEYS
                .into_iter()
                .filter(|key| id.starts_with(key))
                .collect();
            assert_eq!(listed, [expected], "{id}");
        }
    }

    #[test]
    fn decisions_read_keys_plans_and_policies_and_no_other_registry_items() {
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
        ] {
            assert!(is_listed(&key), "{key:?}");
        }
        for key in [
            ItemKey::of_answer("a"),
            ItemKey::of_secret("a"),
            ItemKey::of_plan_use("p"),
        ] {
            assert!(!is_listed(&key), "{key:?}");
        }
    }
}
