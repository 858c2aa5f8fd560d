//! The keys with the most calls in a month. The count of the month of every key is read once. Only
//! one page of keys and the best so far are in memory.

use std::time::Instant;

use http::StatusCode;
use jiff::civil::Date;

use super::ReportedKey;
use super::key_pages::{KeyPages, Place};
use super::query::Selection;
use super::rows::Rows;
use crate::problem::{Mistake, Problem};
use crate::request::AdminRequest;

/// The most keys that are ordered.
const MAX_ORDERED_KEYS: usize = 10_000;
/// The keys that are read at once.
const PAGE_KEYS: usize = 1_000;

/// Returns the keys with the most calls, the one with the most first. Keys with equally many calls
/// are in the order of their ids.
///
/// # Errors
/// 422 if more than 10,000 keys are selected, if they cannot be read in time, or if a plan has
/// another time zone.
pub(super) async fn keys<Q>(
    request: &AdminRequest<Q>,
    selection: &Selection,
    month: Date,
    rows: &mut Rows<'_>,
) -> Result<Vec<ReportedKey>, Problem> {
    let pages = KeyPages::new(&request.shared, &selection.filter, request.now, month, 0);
    let (mut best, mut number) = (Vec::<(u64, ReportedKey)>::new(), 0);
    let mut next = Some(Place::Existing(None));

    while let Some(place) = next {
        if rows.plans.deadline.remaining(Instant::now()).is_zero() {
            return Err(too_many_keys("the keys could not be read in time"));
        }
        let (keys, following) = pages.step(place, PAGE_KEYS).await?;
        next = following;
        number += keys.len();
        if number > MAX_ORDERED_KEYS {
            return Err(too_many_keys("more keys are selected"));
        }

        let calls = calls(&keys, month, rows).await?;
        best.extend(calls.into_iter().zip(keys));
        best.sort_by(|(calls, key), (other_calls, other)| {
            other_calls
                .cmp(calls)
                .then_with(|| key.key_id.cmp(&other.key_id))
        });
        best.truncate(selection.limit.min(rows.max_keys()));
    }
    Ok(best.into_iter().map(|(_, key)| key).collect())
}

async fn calls(
    keys: &[ReportedKey],
    month: Date,
    rows: &mut Rows<'_>,
) -> Result<Vec<u64>, Problem> {
    let plans = &mut rows.plans;
    plans.read(keys).await?;
    let callers: Vec<_> = keys.iter().map(|key| plans.caller(key)).collect();
    let store = &plans.shared.store;
    Ok(store.month_calls(&callers, month, plans.deadline).await?)
}

/// Returns the problem of a report on too many keys.
fn too_many_keys(cause: &str) -> Problem {
    let detail = format!(
        "{cause}, expected at most {MAX_ORDERED_KEYS}. Select some of the keys with `plan` or `group`"
    );
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "There are too many keys to order.",
    );
    problem.with_errors(vec![Mistake::in_parameter("order", detail)])
}
