//! Refunds: a charge goes back to the quotas' windows that are not over, and to its day's counter.
//!
//! An item of its own, `refund#` + the caller's id + the charge's number, marks the charge. One
//! transaction writes the mark, under the condition that there is none, and gives the charge back.
//! So a charge is given back exactly once, however often the refund is repeated and wherever an
//! attempt broke off: an attempt whose outcome is unknown is simply repeated.
//!
//! A new mark has [`UNANSWERED`]. The request that replaces it by its own number in [`ANSWERED_BY`]
//! is told that the charge was returned, and all others that it already was. So a repetition after
//! a lost response is answered as the first request would have been, and of several requests at
//! once one is. A mark with neither, as earlier releases wrote, is of a refund that was answered.
//!
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable refund#*

use std::time::{Duration, Instant};

use aws::Deadline;
use tokio::time::sleep;

use crate::partition_keys::{HISTORY, REFUND};
use limits::{Caller, ChargeId, Nanos, Refund, SECOND};

use super::expression::Clause;
use super::tidy::{history_suffix, keeps_month};
use super::transaction::{ItemWrite, Refusal, TransactionOutcome};
use super::usage_item::{
    self, ANSWERED_BY, UNANSWERED, UsageItem, day_name, extra_name, month_name, window_name,
};
use super::usage_table::{UsageTable, WriteOutcome, number_of};
use dynamodb::{Attempt, Outage};

/// How long a mark is kept after the charge's last window: longer than any clock is off.
const MARK_LIFETIME: Nanos = 2 * 86_400 * SECOND;
/// The most attempts of one request. Refunds of one caller at once are in each other's way.
const ATTEMPTS: u32 = 10;
/// The longest pause between two of them.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// One refund under way.
#[derive(Debug)]
struct RefundWrites<'c> {
    id: String,
    charge: &'c ChargeId,
    mark: String,
    day: String,
    now: Nanos,
}

/// Where the charge's day is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DayCounter {
    /// In the caller's item.
    Item,
    /// In the item of its month, where days go that are past.
    History,
    /// In neither: it has expired.
    Gone,
}

/// What a transaction's outcome means for the refund.
#[derive(Debug)]
enum Step {
    /// It was made, now or before, and who is told so is open.
    Made,
    /// This is the answer.
    Answer(Refund),
    /// The day is counted elsewhere.
    Again(DayCounter),
}

impl UsageTable {
    pub(super) async fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        deadline: Deadline,
    ) -> Result<Refund, Outage> {
        let id = caller.to_string();
        if charge.caller() != number_of(&id) {
            return Ok(Refund::NotFound);
        }
        let now = self.now(&self.recall(caller));
        if charge.is_over(now) {
            return Ok(Refund::WindowOver);
        }
        let refunding = RefundWrites::new(id, charge, now);

        if let Some(answer) = self.give_back(&refunding, deadline).await? {
            return Ok(answer);
        }
        self.forget(caller);
        Ok(self.claim_answer(&refunding.mark, deadline).await)
    }

    /// Repeats the transaction until its outcome is known: the mark makes that safe. Returns the
    /// answer, or `None` if the charge was given back and no request was told so yet.
    async fn give_back(
        &self,
        refunding: &RefundWrites<'_>,
        deadline: Deadline,
    ) -> Result<Option<Refund>, Outage> {
        let (mut counter, mut attempt) = (DayCounter::Item, 1);
        loop {
            let outage = match self
                .transact(
                    &refunding.writes(counter),
                    None,
                    deadline,
                    Attempt::number(attempt),
                )
                .await
            {
                Ok(transacted) => {
                    match self.step(refunding, counter, transacted, deadline).await? {
                        Step::Made => return Ok(None),
                        Step::Answer(refund) => return Ok(Some(refund)),
                        Step::Again(next) => {
                            counter = next;
                            continue;
                        }
                    }
                }
                Err(outage) => outage,
            };

            pause(attempt, outage, deadline).await?;
            attempt += 1;
        }
    }

    async fn step(
        &self,
        refunding: &RefundWrites<'_>,
        counter: DayCounter,
        transacted: TransactionOutcome,
        deadline: Deadline,
    ) -> Result<Step, Outage> {
        let TransactionOutcome::Refused(refusals) = transacted else {
            return Ok(Step::Made);
        };
        let mut refusals = refusals.into_iter();

        if let Some(Refusal::Condition(seen)) = refusals.next() {
            let mark = self
                .seen(&refunding.mark, seen.map(|item| *item), deadline)
                .await?;
            return Ok(if mark.is_unanswered {
                Step::Made
            } else {
                Step::Answer(Refund::AlreadyRefunded)
            });
        }
        if let Some(Refusal::Condition(seen)) = refusals.next() {
            let item = match counter {
                DayCounter::Item => {
                    self.seen(&refunding.id, seen.map(|item| *item), deadline)
                        .await?
                }
                DayCounter::History | DayCounter::Gone => {
                    return Ok(Step::Answer(Refund::NotFound));
                }
            };
            let is_archived = refunding.has_windows() && !refunding.counts_day(&item);
            return Ok(if is_archived {
                Step::Again(DayCounter::History)
            } else {
                Step::Answer(Refund::NotFound)
            });
        }
        Ok(Step::Again(DayCounter::Gone))
    }

    /// Answers with [`Refund::Returned`] if no other request does. If the mark cannot be written,
    /// the answer is the same: the charge was given back.
    async fn claim_answer(&self, mark: &str, deadline: Deadline) -> Refund {
        let request = fastrand::u64(..);
        for attempt in 1.. {
            let outage = match self.claim_once(mark, request, deadline).await {
                Ok(refund) => return refund,
                Err(outage) => outage,
            };
            if let Err(outage) = pause(attempt, outage, deadline).await {
                tracing::warn!(
                    reason = &*outage.reason,
                    error = %outage,
                    "a refund could not be noted as answered"
                );
                break;
            }
        }
        Refund::Returned
    }

    async fn claim_once(
        &self,
        mark: &str,
        request: u64,
        deadline: Deadline,
    ) -> Result<Refund, Outage> {
        let claiming = [
            Clause::Present {
                attribute: UNANSWERED.to_owned(),
            },
            Clause::Remove {
                attribute: UNANSWERED.to_owned(),
                most: 1,
            },
            Clause::Set {
                attribute: ANSWERED_BY.to_owned(),
                to: request.into(),
            },
        ];
        let seen = match self.write(mark, &claiming, deadline).await? {
            WriteOutcome::Done(_) => return Ok(Refund::Returned),
            WriteOutcome::Refused(seen) => self.seen(mark, seen, deadline).await?,
        };
        Ok(if seen.answered_by == Some(request) {
            Refund::Returned
        } else {
            Refund::AlreadyRefunded
        })
    }
}

/// Waits before the next attempt, or returns why there is none.
async fn pause(attempt: u32, outage: Outage, deadline: Deadline) -> Result<(), Outage> {
    let pause = MAX_PAUSE.mul_f64(fastrand::f64());
    if attempt >= ATTEMPTS || !outage.may_pass || pause >= deadline.remaining(Instant::now()) {
        return Err(outage);
    }

    sleep(pause).await;
    Ok(())
}

impl<'c> RefundWrites<'c> {
    fn new(id: String, charge: &'c ChargeId, now: Nanos) -> Self {
        let mark = format!("{REFUND}{id}#{:016x}", charge.nonce());
        Self {
            id,
            charge,
            mark,
            day: day_name(charge.day()),
            now,
        }
    }

    /// The mark, the caller's item, and the item of the charge's month, in this order.
    fn writes(&self, counter: DayCounter) -> Vec<ItemWrite> {
        let mut clauses = self.returns();
        clauses.extend(self.counted_month());
        if counter == DayCounter::Item {
            clauses.extend(self.counted());
        }

        let mut writes = vec![
            ItemWrite {
                id: self.mark.clone(),
                clauses: self.marking(),
            },
            ItemWrite {
                id: self.id.clone(),
                clauses,
            },
        ];
        if counter == DayCounter::History {
            let id = format!("{HISTORY}{}{}", self.id, history_suffix(self.charge.day()));
            writes.push(ItemWrite {
                id,
                clauses: self.counted(),
            });
        }
        writes
    }

    fn marking(&self) -> Vec<Clause> {
        let version = || usage_item::VERSION.to_owned();
        vec![
            Clause::Absent {
                attribute: version(),
            },
            Clause::Set {
                attribute: version(),
                to: usage_item::FORM,
            },
            Clause::Set {
                attribute: usage_item::EXPIRY.to_owned(),
                to: (self.charge.end() + MARK_LIFETIME) / SECOND,
            },
            Clause::Set {
                attribute: UNANSWERED.to_owned(),
                to: 1,
            },
        ]
    }

    /// What goes back to the windows. A count may fall below 0: then more was granted than is used.
    fn returns(&self) -> Vec<Clause> {
        let by = -Nanos::from(self.charge.cost());
        let clauses = self.charge.windows(self.now).flat_map(|window| {
            let attribute = window_name(window.id);
            [
                Clause::Present {
                    attribute: attribute.clone(),
                },
                Clause::Count { attribute, by },
            ]
        });
        clauses.collect()
    }

    /// Returns the changes to the counters of the day.
    fn counted(&self) -> Vec<Clause> {
        let (attribute, cost) = (self.day.clone(), Nanos::from(self.charge.cost()));
        let mut clauses = vec![
            Clause::AtLeast {
                attribute: attribute.clone(),
                least: cost,
            },
            Clause::Count {
                attribute,
                by: -cost,
            },
        ];
        if cost != 1 {
            clauses.push(Clause::Count {
                attribute: extra_name(self.charge.day()),
                by: 1 - cost,
            });
        }
        clauses
    }

    /// Returns the change to the counter of the month, if the item still has it: see the module
    /// `tidy`.
    fn counted_month(&self) -> Option<Clause> {
        let month = self.charge.day().first_of_month();
        keeps_month(month, self.now).then(|| Clause::Count {
            attribute: month_name(month),
            by: -1,
        })
    }

    fn has_windows(&self) -> bool {
        self.charge.windows(self.now).next().is_some()
    }

    fn counts_day(&self, item: &UsageItem) -> bool {
        item.days.iter().any(|(day, _)| day_name(*day) == self.day)
    }
}
