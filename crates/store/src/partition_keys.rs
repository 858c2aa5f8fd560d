//! The usage table's partition keys, by kind of item. IAM conditions (`dynamodb:LeadingKeys`) name
//! the same kinds, so that a function can read and write only the items that it owns.

use limits::CALLER_PREFIXES;

/// Begins the partition key of days that have left a caller's item.
pub(crate) const HISTORY: &str = "history#";
/// Begins the partition key of a charge that was refunded.
pub(crate) const REFUND: &str = "refund#";
/// Begins the partition key of a grant that has an id.
pub(crate) const GRANT: &str = "grant#";
/// Begins the partition key of a list of grants.
pub(crate) const GRANT_LIST: &str = "grants#";

/// Prefixes of the partition keys that a charge may read and write.
pub const CHARGE_KEYS: [&str; 7] = {
    let [key, subject, certificate, address, plan, group] = CALLER_PREFIXES;
    [key, subject, certificate, address, plan, group, HISTORY]
};
/// Prefixes of the partition keys that only administration reads and writes.
pub const CORRECTION_KEYS: [&str; 3] = [REFUND, GRANT, GRANT_LIST];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use limits::Caller;

    use super::*;

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
}
