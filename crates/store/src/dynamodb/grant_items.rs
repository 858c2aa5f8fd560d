//! The items that list grants: `grants#` + the caller's id + `#` + the window, one per window.
//!
//! | attribute | contents |
//! |---|---|
//! | `v`, `ttl` | the schema version, and when DynamoDB may delete the item |
//! | `n` | the number of grants of the window |
//! | `a` and the id of a grant | its amount |
//! | `c` and the id | when it was made, in milliseconds since 1970 |
//! | `r` and the id | when it was revoked, in milliseconds since 1970 |
//! | `t` and the id | the calls that were taken back |
//!
//! The item keeps the newest 50 grants, so that its size is bounded.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use limits::{
    Caller, GrantId, GrantList, ListedGrant, MAX_LIMIT, Nanos, Plan, Revocation, SECOND, Window,
    WindowId,
};

use super::charging::{KEY_USAGE_LIFETIME, is_kept};
use super::expression::Clause;
use super::usage_item::{self, window_name};
use crate::partition_keys::GRANT_LIST;

const MADE: &str = "n";
const AMOUNT: char = 'a';
const CREATED_MS: char = 'c';
const REVOKED_MS: char = 'r';
const TAKEN: char = 't';
const MILLISECOND: Nanos = 1_000_000;
/// How long the grants of a window are kept after its end: longer than any clock is off.
const LIST_LIFETIME: Nanos = 2 * 86_400 * SECOND;
/// The most grants that one write removes. More are there only after concurrent grants.
const MAX_REMOVALS: usize = 8;

/// Returns the id of the item with the grants of a window.
pub(super) fn list_id(caller_id: &str, window: WindowId) -> String {
    format!("{GRANT_LIST}{caller_id}#{}", window_name(window))
}

/// Returns the instant after which the list does not matter.
pub(super) fn list_expiry(plan: &Plan, caller: &Caller, window: &Window, now: Nanos) -> Nanos {
    if !window.is_endless() {
        window.end + LIST_LIFETIME
    } else if is_kept(plan, caller) {
        Window::NEVER
    } else {
        now + KEY_USAGE_LIFETIME
    }
}

/// Reads an item. Unknown attributes are ignored.
pub(super) fn read_list(attributes: &HashMap<String, AttributeValue>) -> GrantList {
    let number = |name: &str| attributes.get(name)?.as_n().ok()?.parse::<Nanos>().ok();
    let grants = attributes.keys().filter_map(|name| {
        let id: GrantId = name.strip_prefix(AMOUNT)?.parse().ok()?;
        let of = |letter| number(&attribute(letter, id));
        let revocation = of(REVOKED_MS).map(|at| Revocation {
            at: at * MILLISECOND,
            calls: of(TAKEN)
                .and_then(|calls| calls.try_into().ok())
                .unwrap_or(0),
        });
        Some(ListedGrant {
            id,
            amount: of(AMOUNT)?.try_into().ok()?,
            at: of(CREATED_MS)? * MILLISECOND,
            revocation,
        })
    });

    let made = number(MADE).and_then(|made| made.try_into().ok());
    GrantList::new(grants.collect(), made.unwrap_or(0))
}

/// Returns the write that adds a grant and removes those that it displaces.
pub(super) fn adding(list: &GrantList, grant: &ListedGrant, expiry: Nanos) -> Vec<Clause> {
    let mut clauses = vec![
        Clause::Absent {
            attribute: attribute(AMOUNT, grant.id),
        },
        set(attribute(AMOUNT, grant.id), grant.amount.into()),
        set(attribute(CREATED_MS, grant.id), grant.at / MILLISECOND),
        set(usage_item::VERSION.to_owned(), usage_item::FORM),
        set(usage_item::EXPIRY.to_owned(), expiry / SECOND),
        Clause::Count {
            attribute: MADE.to_owned(),
            by: 1,
        },
    ];
    for displaced in list.displaced().iter().take(MAX_REMOVALS) {
        let letters = [AMOUNT, CREATED_MS, REVOKED_MS, TAKEN];
        clauses.extend(letters.map(|letter| Clause::Remove {
            attribute: attribute(letter, displaced.id),
            most: MAX_LIMIT.into(),
        }));
    }
    clauses
}

/// Returns the write that marks a grant as revoked, if it is listed and was not revoked.
pub(super) fn revoking(id: GrantId, revocation: &Revocation) -> Vec<Clause> {
    vec![
        Clause::Present {
            attribute: attribute(AMOUNT, id),
        },
        Clause::Absent {
            attribute: attribute(REVOKED_MS, id),
        },
        set(attribute(REVOKED_MS, id), revocation.at / MILLISECOND),
        set(attribute(TAKEN, id), revocation.calls.into()),
    ]
}

fn attribute(letter: char, id: GrantId) -> String {
    format!("{letter}{id}")
}

fn set(attribute: String, to: Nanos) -> Clause {
    Clause::Set { attribute, to }
}
