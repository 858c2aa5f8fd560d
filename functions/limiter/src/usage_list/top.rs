//! The keys with the most calls in a month. The count of the month of every key is read once. Only
//! one page of keys and the best so far are in memory.

use http::StatusCode;
use jiff::civil::Date;

use super::ReportedKey;
use super::query::Selection;
use super::rows::Rows;
use crate::keys::RESOURCE;
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
/// 422 if more than 10,000 keys are selected, or if a plan has another time zone.
pub(super) async fn keys<Q>(
    request: &AdminRequest<Q>,
    selection: &Selection,
    month: Date,
    rows: &mut Rows<'_>,
) -> Result<Vec<ReportedKey>, Problem> {
    let (mut best, mut number, mut after): (Vec<(u64, ReportedKey)>, usize, Option<String>) =
        (Vec::new(), 0, None);
    loop {
        let page = request
            .admin()
            .keys(selection.plan.as_deref(), after.as_deref(), PAGE_KEYS)
            .await
            .map_err(|error| Problem::of_read(error, RESOURCE))?;
        let records = page.items.into_iter().map(|stored| stored.document);
        let records = records.filter(|record| selection.admits(record));
        let keys: Vec<_> = records.map(ReportedKey::from).collect();
        number += keys.len();
        if number > MAX_ORDERED_KEYS {
            return Err(too_many_keys());
        }

        let calls = calls(&keys, month, rows).await?;
        best.extend(calls.into_iter().zip(keys));
        best.sort_by(|(calls, key), (other_calls, other)| {
            other_calls
                .cmp(calls)
                .then_with(|| key.key_id.cmp(&other.key_id))
        });
        best.truncate(selection.limit.min(rows.max_keys()));

        after = page.next;
        if after.is_none() {
            return Ok(best.into_iter().map(|(_, key)| key).collect());
        }
    }
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

fn too_many_keys() -> Problem {
    let detail = format!(
        "more than {MAX_ORDERED_KEYS} keys are selected, expected fewer. Select some with `plan` \
         or `group`"
    );
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "There are too many keys to order.",
    );
    problem.with_errors(vec![Mistake::in_parameter("order", detail)])
}
