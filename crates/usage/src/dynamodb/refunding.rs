//! Refunds: a charge goes back to the quotas' windows that are not over, and to its day's counter.
//!
//! An item of its own, `refund#` + the caller's id + the charge's, is written first and under the condition that it is
//! not there: so a charge is given back once at most. What fails after that is lost rather than given twice, but
//! for what surely was not written: then the mark goes again, and the refund can be tried again.
//!
//! IAM through usage_table.rs: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable refund#*

use std::time::Instant;

use calls::Deadline;

use crate::calendar::day_of;
use crate::partition_keys::{HISTORY, REFUND};
use crate::{Caller, ChargeId, Nanos, Refund, SECOND};

use super::expression::Clause;
use super::outage::Outage;
use super::tidy::history_suffix;
use super::usage_item::{self, day_name, window_name};
use super::usage_table::{UsageTable, Written, number_of};

/// How long a mark is kept after the charge's last window: longer than any clock is off.
const KEPT: Nanos = 2 * 86_400 * SECOND;

impl UsageTable {
    pub(super) async fn refund(
        &self,
        caller: &Caller,
        charge: &ChargeId,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Refund, Outage> {
        let id = caller.to_string();
        if charge.caller() != number_of(&id) {
            return Ok(Refund::NotFound);
        }
        let now = self.now(now, &self.recall(caller));
        if charge.is_over(now) {
            return Ok(Refund::WindowOver);
        }
        let mark = format!("{REFUND}{id}#{:016x}", charge.nonce());
        if let Written::Refused(_) = self.write(&mark, &marking(charge), deadline).await? {
            return Ok(Refund::AlreadyRefunded);
        }
        // The other half of the time is for taking the mark away again.
        let begun = Instant::now();
        let half = deadline.at_most(begun, deadline.remaining(begun) / 2);
        let outcome = self.give_back(&id, charge, now, half).await;
        let undone = matches!(outcome, Ok(Refund::NotFound)) || outcome.is_err_and(|outage| outage.surely_not_applied);
        if undone {
            self.write(&mark, &unmarking(), deadline).await?;
        }
        if let Ok(Refund::Returned) = outcome {
            self.forget(caller);
        }
        outcome
    }

    async fn give_back(&self, id: &str, charge: &ChargeId, now: Nanos, deadline: Deadline) -> Result<Refund, Outage> {
        let Some(day) = day_of(charge.at()).map(day_name) else { return Ok(Refund::NotFound) };
        let windows = returns(charge, now);
        let whole = [&windows[..], &counted(&day, charge)].concat();
        let seen = match self.write(id, &whole, deadline).await? {
            Written::Done(_) => return Ok(Refund::Returned),
            Written::Refused(seen) => self.seen(id, seen, deadline).await?,
        };
        let charged = day_of(charge.at());
        if windows.is_empty() || seen.days.iter().any(|(known, _)| Some(*known) == charged) {
            return Ok(Refund::NotFound);
        }
        // The day has been put away meanwhile.
        if let Written::Refused(_) = self.write(id, &windows, deadline).await? {
            return Ok(Refund::NotFound);
        }
        if let Some(charged) = charged {
            let history = format!("{HISTORY}{id}{}", history_suffix(charged));
            self.write(&history, &counted(&day, charge), deadline).await?;
        }
        Ok(Refund::Returned)
    }
}

fn marking(charge: &ChargeId) -> Vec<Clause> {
    vec![
        Clause::Absent { attribute: usage_item::VERSION.to_owned() },
        Clause::Set { attribute: usage_item::VERSION.to_owned(), to: usage_item::FORM },
        Clause::Set { attribute: usage_item::EXPIRY.to_owned(), to: (charge.end() + KEPT) / SECOND },
    ]
}

fn unmarking() -> Vec<Clause> {
    vec![Clause::Remove { attribute: usage_item::VERSION.to_owned(), most: usage_item::FORM }]
}

/// What goes back to the windows. A count may fall below 0: then more was granted than is used.
fn returns(charge: &ChargeId, now: Nanos) -> Vec<Clause> {
    let by = -Nanos::from(charge.cost());
    let clauses = charge.windows(now).flat_map(|window| {
        let attribute = window_name(window.id);
        [Clause::Present { attribute: attribute.clone() }, Clause::Count { attribute, by }]
    });
    clauses.collect()
}

fn counted(day: &str, charge: &ChargeId) -> [Clause; 2] {
    let cost = Nanos::from(charge.cost());
    [Clause::AtLeast { attribute: day.to_owned(), least: cost }, Clause::Count { attribute: day.to_owned(), by: -cost }]
}
