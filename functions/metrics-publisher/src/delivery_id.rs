//! The identity of a delivery, the same whenever it is repeated.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The maximum length of an id that is kept as it is. SQS and Lambda have ids of 36 characters.
const MAX_ID_BYTES: usize = 128;

/// The id of the item that claims a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeliveryId(String);

impl DeliveryId {
    /// Returns the id of a message of SQS: `delivery#message#ID`. The id of a message is unique in
    /// all queues. `None` without an id.
    pub(crate) fn message(message_id: &str) -> Option<Self> {
        Self::new("message", message_id)
    }

    /// Returns the id of an invocation: `delivery#invocation#REQUEST_ID`. Lambda repeats an
    /// asynchronous invocation with the same request id. `None` without an id.
    pub(crate) fn invocation(request_id: &str) -> Option<Self> {
        Self::new("invocation", request_id)
    }

    fn new(kind: &str, id: &str) -> Option<Self> {
        let is_short = id.len() <= MAX_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
        match id {
            "" => None,
            _ if is_short => Some(Self(format!("delivery#{kind}#{id}"))),
            _ => Some(Self::hashed(kind, Sha256::new().chain_update(id))),
        }
    }

    fn hashed(kind: &str, hash: Sha256) -> Self {
        let mut id = format!("delivery#{kind}#");
        for byte in hash.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        Self(id)
    }

    /// Returns the partition key of the item.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Calculates the id of a batch of log events: `delivery#logs#HASH`, by the ids of its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogBatchId(Sha256);

impl LogBatchId {
    /// Adds a part, such as the name of the log group or the id of an event.
    pub(crate) fn add(&mut self, part: &str) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Returns the id of the batch.
    pub(crate) fn finish(self) -> DeliveryId {
        DeliveryId::hashed("logs", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_sqs_and_lambda_are_readable() {
        let id = "5fea7756-0ea4-451a-a703-a558b933e274";
        let text = |id: Option<DeliveryId>| id.unwrap().0;
        assert_eq!(
            text(DeliveryId::message(id)),
            format!("delivery#message#{id}")
        );
        assert_eq!(
            text(DeliveryId::invocation(id)),
            format!("delivery#invocation#{id}")
        );
        assert_eq!(DeliveryId::message(""), None);
    }

    #[test]
    fn the_same_parts_have_the_same_id_and_others_do_not() {
        let id = |parts: &[&str]| {
            let mut id = LogBatchId::default();
            parts.iter().for_each(|part| id.add(part));
            id.finish()
        };
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        for other in [&["a"][..], &["ab"], &["b", "a"], &["a", "b", ""]] {
            assert_ne!(id(&["a", "b"]), id(other), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn every_id_is_a_short_partition_key(one in any::<String>(), long in "[ -~é]{100,300}") {
            for text in [one, long] {
                if let Some(id) = DeliveryId::message(&text) {
                    prop_assert!(id.as_str().len() <= 160 && id.as_str().starts_with("delivery#message#"));
                    prop_assert!(id.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                }
            }
        }
    }
}
