//! Grants. A count is changed together with the granted amount, so that the used calls remain
//! known.
//!
//! One transaction writes the caller's item, the item of a grant with an id, and the audit record. A
//! grant with an id has an item of its own for a day: `grant#` + the number of the id, with the
//! request and its outcome. If a response is lost, it tells a repeated request that the grant was
//! made.
//!
//! The release before has no transaction. It first writes the item of the id, then the id and the
//! amount to the caller's item, then the outcome to the item of the id. The next grant with an id
//! first writes the outcome of the one before. An id that is neither in the caller's item nor has an
//! outcome was therefore certainly not granted. Such a grant is continued in the same way.
//!
//! A grant that changes the calls is also added to the list of its window, in the same transaction:
//! see `grant_items`.
//!
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable grant#*, grants#*

use std::time::{Duration, Instant};

use aws::Deadline;
use tokio::time::sleep;

use crate::GrantError;
use limits::{Caller, Grant, GrantId, GrantOrder, Nanos};

use super::grant_items::read_list;
use super::grant_writes::{GrantWrites, Stored, claim_id, expiry, settling};
use super::record_writes::RecordWrites;
use super::transaction::TransactionOutcome;
use super::usage_item::{GrantClaim, UsageItem};
use super::usage_table::UsageTable;
use dynamodb::{Attempt, Outage};

/// The most attempts of one grant. Charges and other grants of the caller can be in its way, and a
/// cut of all remaining calls may find fewer than it read.
const ATTEMPTS: u32 = 10;
/// The greatest pause before another attempt, so that concurrent grants do not meet again.
const MAX_PAUSE: Duration = Duration::from_millis(20);

impl From<Outage> for GrantError {
    fn from(outage: Outage) -> Self {
        Self::Store(outage.into())
    }
}

impl UsageTable {
    /// Makes the grant and its record, or neither.
    pub(super) async fn grant(
        &self,
        caller: &Caller,
        order: &GrantOrder<'_>,
        records: RecordWrites<'_>,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        let granting = GrantWrites {
            id: caller.to_string(),
            caller,
            order,
            expiry: expiry(order, caller, now),
            now,
        };

        let granted = self.attempt_grant(&granting, records, deadline).await;
        self.forget(caller);
        granted
    }

    /// Repeats the transaction while it certainly had no effect.
    async fn attempt_grant(
        &self,
        granting: &GrantWrites<'_>,
        records: RecordWrites<'_>,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        let mut attempt = 1;
        loop {
            let stored = self.stored(granting, deadline).await?;
            if let Some(grant) = granting.earlier(&stored)? {
                return Ok(grant);
            }
            if stored.claim.is_open() {
                self.settle_last(&stored.item, deadline).await?;
            }

            let amount = granting.order.possible(&stored.item.usage)?;
            let id = GrantId::new(fastrand::u64(..));
            let grant = granting.order.made(&stored.item.usage, amount, id);
            let record = match grant.id {
                Some(id) => records.write(&granting.order.quota.name, amount, id)?,
                None => None,
            };
            let writes = granting.writes(&stored, &grant);
            let number = Attempt::number(attempt);
            let outcome = self.transact(&writes, record, deadline, number).await;
            match outcome.and_then(TransactionOutcome::accepted) {
                Ok(()) => return Ok(grant),
                Err(outage) => pause(attempt, outage, deadline).await?,
            }
            attempt += 1;
        }
    }

    async fn stored(
        &self,
        granting: &GrantWrites<'_>,
        deadline: Deadline,
    ) -> Result<Stored, Outage> {
        let claim = async || match granting.order.id {
            Some(number) => Ok(self.read(&claim_id(number), deadline).await?.claim),
            None => Ok(GrantClaim::default()),
        };
        let list = granting.list_id();
        let (item, read, list) = tokio::try_join!(
            self.read(&granting.id, deadline),
            claim(),
            self.read_attributes(&list, deadline)
        )?;

        // Of a grant that the release before has begun, the caller's item must be the older one.
        let claim = if read.is_open() { claim().await? } else { read };
        let list = read_list(&list);
        Ok(Stored { item, claim, list })
    }

    /// Writes the outcome of the caller's last grant by the release before, which the caller's item
    /// will no longer show.
    async fn settle_last(&self, item: &UsageItem, deadline: Deadline) -> Result<(), Outage> {
        if let Some(last) = item.last_grant {
            let claim = claim_id(last.number);
            self.write(&claim, &settling(last), deadline).await?;
        }
        Ok(())
    }
}

/// Waits before the next attempt, or returns the outage if it was the last one. Unlike a refund, a
/// grant is not repeated if it may have been applied.
pub(super) async fn pause(attempt: u32, outage: Outage, deadline: Deadline) -> Result<(), Outage> {
    let pause = MAX_PAUSE.mul_f64(fastrand::f64());
    let is_late = attempt >= ATTEMPTS || pause >= deadline.remaining(Instant::now());
    if is_late || !outage.is_retryable() {
        return Err(outage);
    }

    sleep(pause).await;
    Ok(())
}
