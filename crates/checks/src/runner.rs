//! Runs independent checks at the same time, until a deadline.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::aws::Unread;
use crate::check::Check;
use crate::progress;
use crate::selection::Selection;
use crate::unknown_parameter::or_reason;
use crate::verdict::{Outcome, Verdict};

/// The number of checks that run at the same time.
const CONCURRENCY: usize = 8;

/// The function of a check, which reads a context. `Unread` becomes a verdict.
pub(crate) type Run<C> = for<'c> fn(&'c C) -> BoxFuture<'c, Result<Verdict, Unread>>;

/// A check and its function.
pub(crate) struct Entry<C: 'static> {
    pub(crate) check: &'static Check,
    pub(crate) run: Run<C>,
}

/// Runs the selected checks and returns their outcomes in the order of `entries`. A check that has
/// not finished at the deadline is an error.
pub(crate) fn run<'c, C: Sync + 'static>(
    entries: impl IntoIterator<Item = &'static Entry<C>>,
    context: &'c C,
    selection: &Selection,
    deadline: Instant,
) -> BoxFuture<'c, Vec<Outcome>> {
    let selected = entries
        .into_iter()
        .filter(|entry| selection.includes(entry.check));
    let outcomes: Vec<_> = selected
        .map(|entry| outcome(entry, context, deadline))
        .collect();
    Box::pin(stream::iter(outcomes).buffered(CONCURRENCY).collect())
}

async fn outcome<C: Sync>(entry: &'static Entry<C>, context: &C, deadline: Instant) -> Outcome {
    let verdict = match timeout_at(deadline, or_reason((entry.run)(context))).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(reason)) => reason.into(),
        Err(_) => Verdict::error("not finished before the deadline of the run"),
    };
    progress::finish_one();
    Outcome {
        check: entry.check,
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::Group;
    use crate::verdict::Status;

    const fn check(id: &'static str) -> Check {
        Check {
            id,
            group: Group::Network,
            title: "",
            explanation: "",
            fix: "",
            permissions: &[],
            evidence: None,
        }
    }

    const SLOW: Check = check("slow");
    const QUICK: Check = check("quick");
    const DENIED: Check = check("denied");

    const ENTRIES: &[Entry<()>] = &[
        Entry {
            check: &SLOW,
            run: |()| Box::pin(std::future::pending()),
        },
        Entry {
            check: &QUICK,
            run: |()| Box::pin(async { Ok(Verdict::ok("")) }),
        },
        Entry {
            check: &DENIED,
            run: |()| {
                let permission = "ec2:DescribeSubnets".to_owned();
                Box::pin(async { Err(Unread::Denied { permission }) })
            },
        },
    ];

    #[tokio::test(start_paused = true)]
    async fn check_that_does_not_end_is_an_error_at_the_deadline() {
        let deadline = Instant::now() + Duration::from_secs(120);
        let outcomes = run(ENTRIES, &(), &Selection::default(), deadline).await;

        assert_eq!(Instant::now(), deadline);
        let found: Vec<_> = outcomes
            .iter()
            .map(|outcome| (outcome.check.id, outcome.verdict.status))
            .collect();
        let expected = [
            ("slow", Status::Error),
            ("quick", Status::Ok),
            ("denied", Status::NotChecked),
        ];
        assert_eq!(found, expected);
    }
}
