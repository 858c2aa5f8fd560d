//! Rotation: a key gets a new secret. Earlier secrets work until their grace period ends.

use jiff::Timestamp;

use crate::audit::{Change, KeyChange};
use crate::ended::end_one;
use crate::item::{CommitOutcome, Guard, Write};
use crate::keys::{KeyEntry, MAX_EARLIER_SECRETS, item, retired};
use crate::new_secret::NewSecret;
use crate::once::Keep;
use crate::plans::ATTEMPTS;
use crate::{
    Admin, AdminError, Condition, KeyHash, KeyRecord, Refusal, Retirement, Version,
    VersionedDocument,
};

impl Admin<'_> {
    /// Gives a key a new secret. The secret before it works until `grace_end`. If that is
    /// not in the future, all earlier secrets end. The response that `keep` makes is stored in the
    /// same transaction.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Precondition`], [`Refusal::TooManySecrets`],
    /// [`Refusal::SecretInUse`], [`Refusal::Repeated`], [`AdminError::Registry`].
    pub async fn rotate_key(
        &self,
        key_id: &str,
        secret: &NewSecret,
        grace_end: Timestamp,
        condition: &Condition,
        keep: &dyn Keep,
        now: Timestamp,
    ) -> Result<VersionedDocument<KeyRecord>, AdminError> {
        for attempt in 0..ATTEMPTS {
            let found = self.find(key_id).await?;
            // If a response of DynamoDB was lost, the next attempt finds its own write.
            if attempt > 0 && found.hash == secret.hash {
                return Ok(VersionedDocument {
                    version: Version::of(&found.text),
                    document: found.record,
                });
            }
            if !condition.holds(Some(&Version::of(&found.text))) {
                return Err(Refusal::Precondition.into());
            }
            if found.has_secret(&secret.hash) {
                return Err(Refusal::SecretInUse.into());
            }
            let (document, mut writes) = rotation(&found, secret, grace_end, now)?;
            let version = match writes.first() {
                Some(Write::Put(item, _)) => Version::of(&item.document),
                _ => return Err(Refusal::Busy.into()),
            };
            let rotated = VersionedDocument { document, version };
            let kept = keep.keep(&rotated)?;
            let repeated = kept.is_some().then_some(writes.len());
            writes.extend(kept.map(|once| once.write(now)).transpose()?);
            let key = KeyChange {
                before: Some(&found.record),
                after: Some(&rotated.document),
            };
            writes.extend(self.record_of(&Change::Secret { key, grace_end }));
            match self.table.commit(writes).await? {
                CommitOutcome::Yes => return Ok(rotated),
                CommitOutcome::No(failed)
                    if repeated.is_some_and(|repeated| failed.contains(&repeated)) =>
                {
                    return Err(Refusal::Repeated.into());
                }
                CommitOutcome::No(failed) if failed.contains(&0) => {
                    return Err(Refusal::SecretInUse.into());
                }
                CommitOutcome::No(_) => {}
            }
        }
        Err(Refusal::Busy.into())
    }
}

impl KeyEntry {
    /// True if this is the hash of a secret of the key. A transaction would write its item twice.
    fn has_secret(&self, hash: &KeyHash) -> bool {
        let mut earlier = self.record.retiring.iter();
        self.hash == *hash || earlier.any(|retiring| retiring.hash == *hash)
    }
}

/// Returns the record with its new secret, and the writes, with the new item first.
fn rotation(
    found: &KeyEntry,
    secret: &NewSecret,
    grace_end: Timestamp,
    now: Timestamp,
) -> Result<(KeyRecord, Vec<Write>), AdminError> {
    let hash = &secret.hash;
    let mut changed = KeyRecord {
        updated_at: Some(now),
        hint: secret.hint.clone(),
        ..found.record.clone()
    };
    if secret.prefix.is_some() {
        changed.prefix.clone_from(&secret.prefix);
    }
    let before = std::mem::take(&mut changed.retiring);
    if grace_end > now {
        changed.retiring = found.record.working(now);
        if changed.retiring.len() >= MAX_EARLIER_SECRETS {
            return Err(Refusal::TooManySecrets(changed.retiring.len()).into());
        }
        changed.retiring.push(Retirement {
            hash: found.hash,
            ends_at: grace_end,
        });
    }
    let mut writes = vec![Write::Put(item(hash, &changed)?, Guard::Absent)];
    let unchanged = Guard::Unchanged(found.text.clone());
    match changed.retiring.last() {
        Some(last) => writes.push(Write::Put(retired(&changed, last, *hash)?, unchanged)),
        None => writes.push(end_one(&changed, &found.hash, *hash, now, unchanged)?),
    }

    for retiring in before {
        writes.push(match changed.retiring.contains(&retiring) {
            true => Write::Put(retired(&changed, &retiring, *hash)?, Guard::None),
            false => end_one(
                &changed,
                &retiring.hash,
                *hash,
                retiring.ends_at.min(now),
                Guard::None,
            )?,
        });
    }
    Ok((changed, writes))
}
