//! The writes of one grant.

use crate::partition_keys::GRANT;
use limits::{
    Caller, GRANT_ID_LIFETIME, Grant, GrantList, GrantOrder, GrantRefusal, ListedGrant, MAX_LIMIT,
    Nanos, SECOND, Window,
};

use super::charging::{KEY_USAGE_LIFETIME, is_kept};
use super::expression::Clause;
use super::grant_items::{adding, list_expiry, list_id};
use super::transaction::ItemWrite;
use super::usage_item::{
    self, GRANTED_REMAINING, GRANTED_USED, GrantClaim, LAST_AMOUNT, LAST_GRANT, LISTED_ID,
    LastGrant, REQUEST, UsageItem, granted_name, mark_name, window_name,
};

/// One grant under way.
pub(super) struct GrantWrites<'g> {
    pub(super) id: String,
    pub(super) caller: &'g Caller,
    pub(super) order: &'g GrantOrder<'g>,
    pub(super) expiry: Nanos,
    pub(super) now: Nanos,
}

/// The stored items before a grant.
pub(super) struct Stored {
    /// The caller's item.
    pub(super) item: UsageItem,
    /// The item of the grant's id.
    pub(super) claim: GrantClaim,
    /// The grants of the window.
    pub(super) list: GrantList,
}

impl GrantWrites<'_> {
    /// Returns the grant if it was made before.
    pub(super) fn earlier(&self, stored: &Stored) -> Result<Option<Grant>, GrantRefusal> {
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
                id: stored.claim.listed,
                ..present
            }
        }))
    }

    pub(super) fn list_id(&self) -> String {
        list_id(&self.id, self.order.window.id)
    }

    /// Returns the write of the list of grants, unless nothing changes.
    fn listing(&self, stored: &Stored, grant: &Grant) -> Option<ItemWrite> {
        let listed = ListedGrant {
            id: grant.id?,
            amount: grant.granted,
            at: self.now,
            revocation: None,
        };
        let (order, now) = (self.order, self.now);
        let expiry = list_expiry(order.plan, self.caller, &order.window, now);
        Some(ItemWrite {
            id: self.list_id(),
            clauses: adding(&stored.list, &listed, expiry),
        })
    }

    /// Returns the writes of the caller's item, of the item of the grant's id, and of the list.
    pub(super) fn writes(&self, stored: &Stored, grant: &Grant) -> Vec<ItemWrite> {
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
            .chain(self.listing(stored, grant))
            .collect()
    }
}

/// Returns the id of the item of a grant with an id.
pub(super) fn claim_id(number: u64) -> String {
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

/// Returns the outcome of the grant before, by the release before.
pub(super) fn settling(last: LastGrant) -> [Clause; 2] {
    [present_version(), set(LAST_AMOUNT, last.amount.into())]
}

fn outcome(grant: &Grant) -> Vec<Clause> {
    let mut clauses = vec![
        set(LAST_AMOUNT, grant.granted.into()),
        set(GRANTED_USED, grant.used.into()),
        set(GRANTED_REMAINING, grant.remaining.into()),
    ];
    clauses.extend(grant.id.map(|id| set(LISTED_ID, id.number().into())));
    clauses
}

/// Returns the mark of thresholds that a grant writes: see [`GrantOrder::mark`].
fn mark(order: &GrantOrder<'_>, item: &UsageItem) -> Option<Clause> {
    let calls = order.mark(&item.usage)?;
    Some(set(&mark_name(order.window.id), calls.into()))
}

/// Returns the write that changes the count by `amount`, if as much can be changed.
pub(super) fn moving(order: &GrantOrder<'_>, amount: i64, expiry: Nanos) -> Vec<Clause> {
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
pub(super) fn expiry(order: &GrantOrder<'_>, caller: &Caller, now: Nanos) -> Nanos {
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
