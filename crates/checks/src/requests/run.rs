//! Runs the checks by requests: those with the temporary key one after the other, the others at the
//! same time.

use std::time::Duration;

use futures_util::future::{BoxFuture, join};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::context::Requests;
use super::session::Session;
use super::temporary::{self, Temporary};
use super::{KEY_CHECKS, OTHER_CHECKS};
use crate::check::Check;
use crate::progress;
use crate::runner;
use crate::selection::Selection;
use crate::verdict::{Outcome, Status, Verdict};

/// The time before the deadline at which the temporary key is deleted.
const CLEAN_UP_RESERVE: Duration = Duration::from_secs(12);

/// The next step after a failed clean-up.
const DELETE_LATER: &str = "After 20 minutes, run `tollgate check --only requests`, which deletes both. \
                            Or delete the key and then the plan with `tollgate keys delete` and \
                            `tollgate plans delete`.";

/// The function of a check with the temporary key. Both results are verdicts, so that `?` can end it.
type Run = for<'s, 'r> fn(&'s Session<'r>) -> BoxFuture<'s, Result<Verdict, Verdict>>;

/// A check with the temporary key.
pub(super) struct KeyEntry {
    pub(super) check: &'static Check,
    pub(super) run: Run,
}

/// Runs the selected checks. A temporary plan and a temporary key are made if a selected check needs
/// them, and deleted before the outcomes are returned.
pub async fn run(requests: &Requests, selection: &Selection, deadline: Instant) -> Vec<Outcome> {
    let others = runner::run(OTHER_CHECKS, requests, selection, deadline);
    let with_key = run_with_key(requests, selection, deadline);
    let (others, mut outcomes) = join(others, with_key).await;
    outcomes.extend(others);
    outcomes
}

async fn run_with_key(
    requests: &Requests,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    let selected = KEY_CHECKS.iter();
    let selected: Vec<&KeyEntry> = selected
        .filter(|entry| selection.includes(entry.check))
        .collect();
    if selected.is_empty() {
        return Vec::new();
    }
    let end = deadline.checked_sub(CLEAN_UP_RESERVE).unwrap_or(deadline);

    let now = Timestamp::now();
    let making = async {
        temporary::delete_leftovers(&requests.client, now).await;
        Temporary::make(requests, now).await
    };
    let made = timeout_at(end, making).await;
    let mut outcomes = match made.unwrap_or_else(|_| Err(late())) {
        Ok(temporary) => {
            let session = Session::new(requests, temporary, end);
            run_all(&selected, &session, end).await
        }
        Err(verdict) => without_key(&selected, &verdict),
    };

    if let Some(problem) = temporary::clean_up_problem(requests).await {
        warn(&mut outcomes, problem);
    }
    outcomes
}

async fn run_all(selected: &[&KeyEntry], session: &Session<'_>, end: Instant) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for entry in selected {
        let verdict = match timeout_at(end, (entry.run)(session)).await {
            Ok(Ok(verdict) | Err(verdict)) => verdict,
            Err(_) => late(),
        };
        progress::finish_one();
        outcomes.push(Outcome {
            check: entry.check,
            verdict,
        });
    }
    outcomes
}

fn late() -> Verdict {
    Verdict::error("not finished before the deadline of the run")
}

/// Returns the outcomes of checks whose key could not be made. All of them lack the same permission.
/// Another reason is the error of the first one only.
fn without_key(selected: &[&KeyEntry], verdict: &Verdict) -> Vec<Outcome> {
    let is_permission = verdict.status == Status::NotChecked;
    let outcome = |(index, entry): (usize, &&KeyEntry)| Outcome {
        check: entry.check,
        verdict: if index == 0 || is_permission {
            verdict.clone()
        } else {
            Verdict::not_proven("the temporary key could not be made")
                .with_fix("See the first check with an error in this group.")
        },
    };
    selected.iter().enumerate().map(outcome).collect()
}

/// Adds a problem of the clean-up to the first outcome that is about this API, which becomes at least
/// a warning. Outcomes that are not applicable are not printed.
fn warn(outcomes: &mut [Outcome], problem: String) {
    let is_applicable = |outcome: &Outcome| outcome.verdict.status != Status::NotApplicable;
    let index = outcomes.iter().position(is_applicable).unwrap_or_default();
    let Some(outcome) = outcomes.get_mut(index) else {
        return;
    };

    let verdict = &mut outcome.verdict;
    if matches!(verdict.status, Status::Ok | Status::NotApplicable) {
        verdict.status = Status::Warning;
        verdict.fix = Some(DELETE_LATER.to_owned());
    }
    verdict.details.push(problem);
}
