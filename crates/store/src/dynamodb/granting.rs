//! Grants. A count is changed together with the granted amount, so that the used calls remain
//! known.
//!
//! A grant with an id has an item of its own: `grant#` + the number of the id. It is written first
//! and contains the request. The write of the grant stores the id and the amount in the caller's
//! item. Then the outcome is written to the grant's item. The next grant with an id first does this
//! last step for the one before. An id that is neither in the caller's item nor has an outcome was
//! therefore certainly not granted, and one that is in either was. A repeated request grants
//! exactly once, at whichever step the first attempt ended.
//!
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable grant#*

use std::time::Duration;

use aws::Deadline;
use tokio::time::sleep;

use crate::GrantError;
use crate::partition_keys::GRANT;
use limits::MAX_LIMIT;
use limits::{Caller, Grant, Nanos, SECOND, Window};
use limits::{GRANT_ID_LIFETIME, GrantOrder, GrantRefusal};

use super::charging::{KEY_USAGE_LIFETIME, is_kept};
use super::expression::Clause;
use super::usage_item::{
    self, GRANTED_REMAINING, GRANTED_USED, LAST_AMOUNT, LAST_GRANT, LastGrant, REQUEST, UsageItem,
    granted_name, mark_name, window_name,
};
use super::usage_table::{UsageTable, WriteOutcome};
use dynamodb::Outage;

/// The number of attempts of a cut that takes all remaining calls, which may find fewer than it
/// read.
const ATTEMPTS: usize = 5;
/// The greatest pause before another attempt, so that concurrent grants do not meet again.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// The state of an id's own item.
enum Claim {
    /// The grant must be made, unless the caller's item contains it.
    Open,
    /// The grant was made. Its outcome is known if the attempt that made it has written it.
    Made {
        granted: i64,
        used: Option<u64>,
        remaining: Option<u64>,
    },
    /// Another request has used the id.
    Taken,
}

impl From<Outage> for GrantError {
    fn from(outage: Outage) -> Self {
        Self::Store(outage.into())
    }
}

impl UsageTable {
    pub(super) async fn grant(
        &self,
        caller: &Caller,
        order: &GrantOrder<'_>,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        let granted = match order.id {
            Some(number) => self.grant_once(caller, order, number, now, deadline).await,
            None => self.grant_anyway(caller, order, now, deadline).await,
        };
        self.forget(caller);
        granted
    }

    async fn grant_anyway(
        &self,
        caller: &Caller,
        order: &GrantOrder<'_>,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        let (id, expiry) = (&*caller.to_string(), expiry(order, caller, now));
        let mut amount = order.amount;
        let mut marking = None;
        if order.needs_mark() {
            let item = self.read(id, deadline).await?;
            amount = order.possible(&item.usage)?;
            marking = mark(order, &item);
        }
        for _ in 0..ATTEMPTS {
            let mut clauses = moving(order, amount, expiry);
            clauses.extend(marking.take());
            let seen = match self.write(id, &clauses, deadline).await? {
                WriteOutcome::Done(item) => return Ok(order.standing(&item.usage, amount, false)),
                WriteOutcome::Refused(seen) => self.seen(id, seen, deadline).await?,
            };
            amount = order.possible(&seen.usage)?;
        }
        Err(Outage::CONFLICT.into())
    }

    async fn grant_once(
        &self,
        caller: &Caller,
        order: &GrantOrder<'_>,
        number: u64,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Grant, GrantError> {
        let (id, expiry) = (&*caller.to_string(), expiry(order, caller, now));
        let request = order.request(caller);
        for _ in 0..ATTEMPTS {
            // Read before the claim: see the documentation of this file.
            let item = self.read(id, deadline).await?;
            match self.claim(number, request, now, deadline).await? {
                Claim::Taken => return Err(GrantRefusal::Repeated.into()),
                Claim::Made {
                    granted,
                    used,
                    remaining,
                } => {
                    let now = order.standing(&item.usage, granted, true);
                    let (used, remaining) =
                        (used.unwrap_or(now.used), remaining.unwrap_or(now.remaining));
                    return Ok(Grant {
                        used,
                        remaining,
                        ..now
                    });
                }
                Claim::Open => {}
            }
            if let Some(last) = item.last_grant.filter(|last| last.number == number) {
                let grant = order.standing(&item.usage, last.amount, true);
                self.tell(number, &grant, deadline).await;
                return Ok(grant);
            }
            let amount = order.possible(&item.usage)?;
            if let Some(last) = item.last_grant {
                self.write(
                    &claim_id(last.number),
                    &outcome(last.amount, None),
                    deadline,
                )
                .await?;
            }
            let mut clauses = [
                moving(order, amount, expiry),
                following(item.last_grant, LastGrant { number, amount }),
            ]
            .concat();
            clauses.extend(mark(order, &item));
            if let WriteOutcome::Done(item) = self.write(id, &clauses, deadline).await? {
                let grant = order.standing(&item.usage, amount, false);
                self.tell(number, &grant, deadline).await;
                return Ok(grant);
            }
            sleep(MAX_PAUSE.mul_f64(fastrand::f64())).await;
        }
        Err(Outage::CONFLICT.into())
    }

    async fn claim(
        &self,
        number: u64,
        request: u64,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Claim, Outage> {
        let id = claim_id(number);
        let seen = match self.write(&id, &claiming(request, now), deadline).await? {
            WriteOutcome::Done(_) => return Ok(Claim::Open),
            WriteOutcome::Refused(seen) => self.seen(&id, seen, deadline).await?.claim,
        };
        Ok(match seen.granted {
            _ if seen.request != Some(request) => Claim::Taken,
            Some(granted) => Claim::Made {
                granted,
                used: seen.used,
                remaining: seen.remaining,
            },
            None => Claim::Open,
        })
    }

    /// If this write fails, a repeated request or the next grant finds the outcome in the caller's
    /// item.
    async fn tell(&self, number: u64, grant: &Grant, deadline: Deadline) {
        if let Err(outage) = self
            .write(
                &claim_id(number),
                &outcome(grant.granted, Some(grant)),
                deadline,
            )
            .await
        {
            tracing::warn!(
                reason = &*outage.reason,
                "a grant's outcome could not be kept: {outage}"
            );
        }
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

fn outcome(granted: i64, told: Option<&Grant>) -> Vec<Clause> {
    let mut clauses = vec![
        Clause::Present {
            attribute: usage_item::VERSION.to_owned(),
        },
        set(LAST_AMOUNT, granted.into()),
    ];
    if let Some(grant) = told {
        clauses.extend([
            set(GRANTED_USED, grant.used.into()),
            set(GRANTED_REMAINING, grant.remaining.into()),
        ]);
    }
    clauses
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
