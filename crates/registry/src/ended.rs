//! Ended secrets. They are recorded for 400 days, so that no import restores one.
//!
//! A secret ends when its grace period is over, when its key is rotated without a grace period, or
//! when its key is deleted. The write that ends a secret replaces its item in the same transaction.
//! The item then contains the instant of the end and is in no index. Its key has expired, so that a
//! release without ended secrets refuses it too. Such a release treats it as an earlier secret of a
//! rotated key, which no import overwrites.

use jiff::Timestamp;

use crate::{ApiKey, KeyHash, RegistryError};

use crate::item::{Guard, Item, Write};
use crate::plans::item_error;
use crate::{KeyRecord, Retirement};

impl KeyRecord {
    /// Returns the record of a secret of this key that ended at `end`.
    fn ended(&self, successor: KeyHash, end: Timestamp) -> Self {
        // Long ago, so that the secret has expired by every clock.
        let expires_at = Some(Timestamp::UNIX_EPOCH);
        let key = ApiKey {
            enabled: self.key.enabled,
            expires_at,
            ..ApiKey::new(self.key.key_id.clone(), self.key.plan.clone())
        };
        Self {
            successor: Some(successor),
            ended_at: Some(end),
            ..Self::bare(key)
        }
    }

    /// Returns the instant at which the secret of this item ended, if it has ended by `now`.
    pub(crate) fn end_of_secret(&self, now: Timestamp) -> Option<Timestamp> {
        let grace_end = self
            .key
            .expires_at
            .filter(|end| self.successor.is_some() && *end <= now);
        self.ended_at.or(grace_end)
    }

    /// Returns the earlier secrets that have ended by `now`.
    fn ended_secrets(&self, now: Timestamp) -> impl Iterator<Item = &Retirement> {
        self.retiring
            .iter()
            .filter(move |retiring| retiring.ends_at <= now)
    }
}

/// Returns the writes that end every secret of a deleted key. The first one requires that the
/// document of the key is still `text`.
pub(super) fn end_all(
    hash: KeyHash,
    text: String,
    record: &KeyRecord,
    now: Timestamp,
) -> Result<Vec<Write>, RegistryError> {
    let mut writes = vec![Write::Put(
        ended(&hash, &record.ended(hash, now), now)?,
        Guard::Unchanged(text),
    )];
    for retiring in &record.retiring {
        let end = retiring.ends_at.min(now);
        writes.push(Write::Put(
            ended(&retiring.hash, &record.ended(retiring.hash, end), end)?,
            Guard::None,
        ));
    }
    Ok(writes)
}

/// Returns the write that ends the secret of `hash`, whose key now has the secret of `successor`.
pub(super) fn end_one(
    record: &KeyRecord,
    hash: &KeyHash,
    successor: KeyHash,
    end: Timestamp,
    guard: Guard,
) -> Result<Write, RegistryError> {
    Ok(Write::Put(
        ended(hash, &record.ended(successor, end), end)?,
        guard,
    ))
}

/// Returns the writes that record the earlier secrets of `before`, the key under `hash`, whose
/// grace period is over.
pub(super) fn end_expired(
    before: &KeyRecord,
    hash: KeyHash,
    now: Timestamp,
) -> Result<Vec<Write>, RegistryError> {
    let end = |retiring: &Retirement| {
        end_one(before, &retiring.hash, hash, retiring.ends_at, Guard::None)
    };
    before.ended_secrets(now).map(end).collect()
}

fn ended(hash: &KeyHash, record: &KeyRecord, end: Timestamp) -> Result<Item, RegistryError> {
    Item::of_ended(hash, record, end).map_err(|error| item_error("key", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyStatus;

    fn record() -> KeyRecord {
        let key =
            r#"{"key_id":"k1","plan":"free","enabled":true,"subject":"alice","scopes":["a"]}"#;
        KeyRecord::new(serde_json::from_str(key).unwrap(), Timestamp::UNIX_EPOCH)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn ended_secret_has_expired_for_every_release_and_every_clock() {
        let hash = KeyHash::of(&"k".repeat(20)).unwrap();
        let text = serde_json::to_string(&record().ended(hash, at(1_000))).unwrap();
        let key: ApiKey = serde_json::from_str(&text).unwrap();
        assert_eq!((key.check(), key.standing(0)), (Ok(()), KeyStatus::Expired));
        assert_eq!(
            (key.key_id.as_str(), key.subject, key.scopes.len()),
            ("k1", None, 0)
        );
        let read: KeyRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (read.end_of_secret(at(0)), read.successor),
            (Some(at(1_000)), Some(hash))
        );
    }

    #[test]
    fn ended_secret_is_kept_for_400_days_and_not_indexed() {
        let hash = KeyHash::of(&"k".repeat(20)).unwrap();
        let writes = end_all(hash, String::new(), &record(), at(1_000)).unwrap();
        let [Write::Put(item, Guard::Unchanged(_))] = &writes[..] else {
            panic!("{writes:?}")
        };
        assert_eq!(
            (item.ttl, &item.indexed),
            (Some(1_000 + 400 * 86_400), &None)
        );
    }

    #[test]
    fn secret_in_its_grace_has_not_ended() {
        let hash = KeyHash::of(&"k".repeat(20)).unwrap();
        let retired = record().retired(
            &Retirement {
                hash,
                ends_at: at(100),
            },
            hash,
        );
        assert_eq!(
            [99, 100].map(|second| retired.end_of_secret(at(second))),
            [None, Some(at(100))]
        );
        assert_eq!(record().end_of_secret(at(100)), None);
    }
}
