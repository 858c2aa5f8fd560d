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
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable grant#*

use std::time::{Duration, Instant};

use aws::Deadline;
use aws_sdk_dynamodb::types::TransactWriteItem;
use tokio::time::sleep;

use crate::partition_keys::GRANT;
use crate::{GrantError, StoreError};
use limits::MAX_LIMIT;
use limits::{Caller, Grant, Nanos, SECOND, Window};
use limits::{GRANT_ID_LIFETIME, GrantOrder, GrantRefusal};
use registry::RegistryError;

use super::charging::{KEY_USAGE_LIFETIME, is_kept};
use super::expression::Clause;
use super::transaction::{ItemWrite, TransactionOutcome};
use super::usage_item::{
    self, GRANTED_REMAINING, GRANTED_USED, GrantClaim, LAST_AMOUNT, LAST_GRANT, LastGrant, REQUEST,
    UsageItem, granted_name, mark_name, window_name,
};
use super::usage_table::UsageTable;
use dynamodb::{Attempt, Outage};

/// The most attempts of one grant. Charges and other grants of the caller can be in its way, and a
/// cut of all remaining calls may find fewer than it read.
const ATTEMPTS: u32 = 10;
/// The greatest pause before another attempt, so that concurrent grants do not meet again.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// Returns the write of the audit record of a grant of so many calls.
pub(super) type RecordWrite<'r> =
    dyn Fn(i64) -> Result<Option<TransactWriteItem>, RegistryError> + Sync + 'r;

/// One grant under way.
struct GrantWrites<'g> {
    id: String,
    caller: &'g Caller,
    order: &'g GrantOrder<'g>,
    expiry: Nanos,
    now: Nanos,
}

/// What is stored before a grant.
struct Stored {
    /// The caller's item.
    item: UsageItem,
    /// The item of the grant's id.
    claim: GrantClaim,
}

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
        record: &RecordWrite<'_>,
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

        let granted = self.attempt_grant(&granting, record, deadline).await;
        self.forget(caller);
        granted
    }

    /// Repeats the transaction while it certainly had no effect.
    async fn attempt_grant(
        &self,
        granting: &GrantWrites<'_>,
        record: &RecordWrite<'_>,
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
            let grant = granting.order.made(&stored.item.usage, amount);
            let record = record(amount).map_err(StoreError::from)?;
            let writes = granting.writes(&stored, &grant);
            let number = Attempt::number(attempt);
            let outage = match self.transact(&writes, record, deadline, number).await {
                Ok(TransactionOutcome::Done) => return Ok(grant),
                Ok(TransactionOutcome::Refused(_)) => Outage {
                    may_pass: true,
                    ..Outage::CONFLICT
                },
                Err(outage) => outage,
            };

            pause(attempt, outage, deadline).await?;
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
        let (item, read) = tokio::try_join!(self.read(&granting.id, deadline), claim())?;

        // Of a grant that the release before has begun, the caller's item must be the older one.
        let claim = if read.is_open() { claim().await? } else { read };
        Ok(Stored { item, claim })
    }

    /// Writes the outcome of the caller's last grant by the release before, which the caller's item
    /// will no longer show.
    async fn settle_last(&self, item: &UsageItem, deadline: Deadline) -> Result<(), Outage> {
        if let Some(last) = item.last_grant {
            let outcome = [present_version(), set(LAST_AMOUNT, last.amount.into())];
            self.write(&claim_id(last.number), &outcome, deadline)
                .await?;
        }
        Ok(())
    }
}

/// Waits before the next attempt, or returns why there is none.
async fn pause(attempt: u32, outage: Outage, deadline: Deadline) -> Result<(), Outage> {
    let pause = MAX_PAUSE.mul_f64(fastrand::f64());
    let is_late = attempt >= ATTEMPTS || pause >= deadline.remaining(Instant::now());
    if is_late || !outage.is_retryable() {
        return Err(outage);
    }

    sleep(pause).await;
    Ok(())
}

impl GrantWrites<'_> {
    /// Returns the grant if it was made before.
    fn earlier(&self, stored: &Stored) -> Result<Option<Grant>, GrantRefusal> {
        let (Some(number), Some(request)) = (self.order.id, stored.claim.request) else {
            return Ok(None);
        };
        if request != self.order.request(self.caller) {
            return Err(GrantRefusal::Repeated);
        }

        let last = stored.item.last_grant.filter(|last| last.number == number);
        let amount = stored.claim.granted.or(last.map(|last| last.amount));
        Ok(amount.map(|amount| {
            let present = self.order.standing(&stored.item.usage, amount, true);
            Grant {
                used: stored.claim.used.unwrap_or(present.used),
                remaining: stored.claim.remaining.unwrap_or(present.remaining),
                ..present
            }
        }))
    }

    /// Returns the write of the caller's item, and of the item of the grant's id.
    fn writes(&self, stored: &Stored, grant: &Grant) -> Vec<ItemWrite> {
        let (item, amount) = (&stored.item, grant.granted);
        let mut clauses = moving(self.order, amount, self.expiry);
        clauses.extend(mark(self.order, item));

        let claim = self.order.id.map(|number| {
            let mut claim = outcome(grant);
            if stored.claim.is_open() {
                clauses.extend(following(item.last_grant, LastGrant { number, amount }));
                claim.push(present_version());
            } else {
                claim.extend(claiming(self.order.request(self.caller), self.now));
            }
            ItemWrite {
                id: claim_id(number),
                clauses: claim,
            }
        });
        let id = self.id.clone();
        std::iter::once(ItemWrite { id, clauses })
            .chain(claim)
            .collect()
    }
}

fn claim_id(number: u64) -> String {
    format!("{GRANT}{number:015}")
}

fn set(attribute: &str, to: Nanos) -> Clause {
    Clause::Set {
        attribute: attribute.to_owned(),
        to,
    }
}

fn claiming(request: u64, now: Nanos) -> Vec<Clause> {
    vec![
        Clause::Absent {
            attribute: usage_item::VERSION.to_owned(),
        },
        set(usage_item::VERSION, usage_item::FORM),
        set(usage_item::EXPIRY, (now + GRANT_ID_LIFETIME) / SECOND),
        set(REQUEST, request.into()),
    ]
}

fn present_version() -> Clause {
    Clause::Present {
        attribute: usage_item::VERSION.to_owned(),
    }
}

fn outcome(grant: &Grant) -> Vec<Clause> {
    vec![
        set(LAST_AMOUNT, grant.granted.into()),
        set(GRANTED_USED, grant.used.into()),
        set(GRANTED_REMAINING, grant.remaining.into()),
    ]
}

/// Returns the mark of thresholds that a grant writes: see [`GrantOrder::mark`].
fn mark(order: &GrantOrder<'_>, item: &UsageItem) -> Option<Clause> {
    let calls = order.mark(&item.usage)?;
    Some(set(&mark_name(order.window.id), calls.into()))
}

/// Returns the write that changes the count by `amount`, if as much can be changed.
fn moving(order: &GrantOrder<'_>, amount: i64, expiry: Nanos) -> Vec<Clause> {
    let window = order.window.id;
    let (count, granted) = (window_name(window), granted_name(window));
    let (limit, most, by) = (
        Nanos::from(order.quota.limit),
        Nanos::from(MAX_LIMIT),
        Nanos::from(amount),
    );
    let mut clauses = vec![
        Clause::Count {
            attribute: count.clone(),
            by: -by,
        },
        Clause::Count {
            attribute: granted.clone(),
            by,
        },
        set(usage_item::VERSION, usage_item::FORM),
        set(usage_item::EXPIRY, expiry / SECOND),
    ];
    if by > 0 {
        clauses.push(Clause::AtMost {
            attribute: granted.clone(),
            most: most - limit - by,
        });
        if limit + by > most {
            // The granted amount was below 0.
            clauses.push(Clause::Present { attribute: granted });
        }
        return clauses;
    }
    if limit + by < 0 {
        // More than the window has by itself: only a window with such a grant meets the condition.
        clauses.push(Clause::Present {
            attribute: count.clone(),
        });
    }
    if by < 0 {
        clauses.push(Clause::AtMost {
            attribute: count,
            most: limit + by,
        });
    }
    clauses
}

/// Returns the instant after which nothing in the item matters.
fn expiry(order: &GrantOrder<'_>, caller: &Caller, now: Nanos) -> Nanos {
    if is_kept(order.plan, caller) {
        return Window::NEVER;
    }

    let end = if order.window.is_endless() {
        now
    } else {
        order.window.end
    };
    end + KEY_USAGE_LIFETIME
}

/// The write requires that the grant of `before` is the caller's last one.
fn following(before: Option<LastGrant>, last: LastGrant) -> Vec<Clause> {
    let attribute = || LAST_GRANT.to_owned();
    let mut clauses = match before.map(|before| Nanos::from(before.number)) {
        None => vec![Clause::Absent {
            attribute: attribute(),
        }],
        Some(before) => {
            vec![
                Clause::AtLeast {
                    attribute: attribute(),
                    least: before,
                },
                Clause::AtMost {
                    attribute: attribute(),
                    most: before,
                },
            ]
        }
    };
    clauses.extend([
        set(LAST_GRANT, last.number.into()),
        set(LAST_AMOUNT, last.amount.into()),
    ]);
    clauses
}
