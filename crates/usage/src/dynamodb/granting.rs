//! Grants: a count is lowered or raised, with what was granted beside it, so that what was used can still be told.

use calls::Deadline;

use crate::grant::GrantOrder;
use crate::{Caller, Grant, Nanos, SECOND, Usage};

use super::charging::KEPT_FOR_KEYS;
use super::expression::Clause;
use super::outage::Outage;
use super::usage_item::{self, LAST_GRANT, granted_name, window_name};
use super::usage_table::{UsageTable, Written};

/// A cut that takes all there is looks first; so often it may find less than it saw.
const ATTEMPTS: usize = 5;

impl UsageTable {
    pub(super) async fn grant(
        &self,
        caller: &Caller,
        order: &GrantOrder<'_>,
        deadline: Deadline,
    ) -> Result<Grant, Outage> {
        let (id, mut amount) = (caller.to_string(), order.amount);
        for _ in 0..ATTEMPTS {
            let seen = match self.write(&id, &clauses(order, amount), deadline).await? {
                Written::Done(item) => {
                    self.forget(caller);
                    return Ok(order.standing(&item.usage, amount, false));
                }
                Written::Refused(seen) => self.seen(&id, seen, deadline).await?,
            };
            if is_repeated(order, &seen.usage) {
                return Ok(order.standing(&seen.usage, 0, true));
            }
            amount = order.possible(&seen.usage);
        }
        Err(Outage::CONTRADICTION)
    }
}

fn is_repeated(order: &GrantOrder<'_>, usage: &Usage) -> bool {
    order.id.is_some() && order.id == usage.last_grant()
}

/// One write that moves the count by `amount`, if as much can be moved and the grant was not made before.
fn clauses(order: &GrantOrder<'_>, amount: i64) -> Vec<Clause> {
    let window = order.window.id;
    let (count, granted) = (window_name(window), granted_name(window));
    let limit = Nanos::from(order.quota.limit);
    let mut clauses = vec![
        Clause::Count { attribute: count.clone(), by: -Nanos::from(amount) },
        Clause::Count { attribute: granted, by: amount.into() },
        Clause::Set { attribute: usage_item::VERSION.to_owned(), to: usage_item::FORM },
        Clause::Set { attribute: usage_item::EXPIRY.to_owned(), to: (order.window.end + KEPT_FOR_KEYS) / SECOND },
    ];
    if limit + Nanos::from(amount) < 0 {
        // More than a window has of its own: it must be one that much was granted in.
        clauses.push(Clause::Present { attribute: count.clone() });
    }
    if amount < 0 {
        clauses.push(Clause::AtMost { attribute: count, most: limit + Nanos::from(amount) });
    }
    if let Some(id) = order.id {
        clauses.push(Clause::Differs { attribute: LAST_GRANT.to_owned(), from: id.into() });
        clauses.push(Clause::Set { attribute: LAST_GRANT.to_owned(), to: id.into() });
    }
    clauses
}
