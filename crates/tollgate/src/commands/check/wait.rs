//! Repeats a run until no check fails, and ends it after a signal.

use std::time::Duration;

use admin_client::ClientError;
use checks::{Outcome, Report, Selection, Status};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::run::Run;
use crate::commands::CommandError;
use crate::commands::signals::Signals;
use crate::output::{note, warn};
use crate::progress::Progress;

/// The pause before the first repetition. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two runs.
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// The time to delete the temporary plan and key after a signal.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(20);
/// The most checks that a note names.
const MAX_NAMES: usize = 5;

/// The end of a command.
pub(super) enum End {
    /// The checks were made.
    Report(Report),
    /// A signal ended the command, with this exit code.
    Signal(u8),
}

/// Makes the checks, with `seconds` repeatedly until none fails. After a signal, the temporary plan
/// and key are deleted; a second signal ends the command at once.
///
/// # Errors
/// [`CommandError`] if the target cannot be found or read.
pub(super) async fn until_signal(
    run: &Run<'_>,
    selection: Selection,
    seconds: Option<u32>,
) -> Result<End, CommandError> {
    let signals = Signals::listen();
    let mut signals =
        signals.map_err(|error| CommandError::usage(format!("cannot catch signals: {error}")))?;

    let code = tokio::select! {
        report = until_healthy(run, selection, seconds) => return Ok(End::Report(report?)),
        code = signals.next() => code,
    };
    let temporary = run.temporary();
    if let Some(name) = &temporary {
        note(&format!(
            "Interrupted: deleting the temporary plan and key {name}"
        ));
    }
    tokio::select! {
        () = clean_up(run) => {}
        _ = signals.next() => {
            if let Some(name) = temporary {
                warn(&left_behind(&name));
            }
        }
    }
    Ok(End::Signal(code))
}

/// Returns the warning about a plan and a key whose deletion was interrupted.
fn left_behind(name: &str) -> String {
    format!(
        "the temporary plan and key {name} may still exist. The key expires 15 minutes after its \
         creation, and a later run deletes both"
    )
}

async fn clean_up(run: &Run<'_>) {
    let problem = match timeout(CLEAN_UP_TIMEOUT, run.clean_up()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no response within {} s", CLEAN_UP_TIMEOUT.as_secs()),
    };
    warn(&format!(
        "the temporary plan and key were not deleted: {problem}. The next run deletes them"
    ));
}

async fn until_healthy(
    run: &Run<'_>,
    selection: Selection,
    seconds: Option<u32>,
) -> Result<Report, CommandError> {
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or_default().into());
    let mut pause = FIRST_PAUSE;
    let mut report = loop {
        match with_progress(run.once(&selection)).await {
            Ok(report) => break report,
            Err(error) if is_temporary(&error) && Instant::now() + pause < end => {
                let problem = error.to_string();
                let problem = problem.lines().next().unwrap_or_default();
                note(&format!("{problem}; next run in {} s", pause.as_secs()));
                sleep(pause).await;
                pause = MAX_PAUSE.min(pause * 2);
            }
            Err(error) => return Err(error),
        }
    };
    while report.has_failed() && Instant::now() + pause < end {
        note(&waiting(&report, pause));
        sleep(pause).await;
        pause = MAX_PAUSE.min(pause * 2);

        let rest = Selection::new(open(&report), Vec::new())
            .map_err(|error| CommandError::usage(error.to_string()))?;
        match with_progress(run.once(&rest)).await {
            Ok(repeated) => merge(&mut report, repeated),
            Err(error) => note(&format!("The target cannot be read: {error}")),
        }
    }
    Ok(report)
}

/// True if there was no API that responds. It may still start.
fn is_temporary(error: &CommandError) -> bool {
    let CommandError::Client(error) = error else {
        return false;
    };
    matches!(
        error,
        ClientError::Unreachable { .. }
            | ClientError::Unexpected { .. }
            | ClientError::NotJson { .. }
            | ClientError::NotAList { .. }
            | ClientError::Refused(_)
    )
}

/// Shows on a terminal that the command works, and for how long.
async fn with_progress<T>(run: impl Future<Output = T>) -> T {
    let mut progress = Progress::new("Checking, seconds", None);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;

    tokio::pin!(run);
    loop {
        tokio::select! {
            result = &mut run => return result,
            _ = ticks.tick() => progress.advance(1),
        }
    }
}

/// Returns the ids of the checks that a repetition makes.
fn open(report: &Report) -> Vec<String> {
    let is_open = |outcome: &&Outcome| {
        let status = outcome.verdict.status;
        !matches!(status, Status::Ok | Status::NotApplicable)
    };
    let outcomes = report.outcomes.iter().filter(is_open);
    outcomes
        .map(|outcome| outcome.check.id.to_owned())
        .collect()
}

/// Replaces the outcomes of the checks that were repeated.
fn merge(report: &mut Report, repeated: Report) {
    for outcome in repeated.outcomes {
        let mut known = report.outcomes.iter_mut();
        if let Some(known) = known.find(|known| known.check == outcome.check) {
            *known = outcome;
        }
    }
}

/// Returns the note before a pause.
fn waiting(report: &Report, pause: Duration) -> String {
    let is_failed =
        |outcome: &&Outcome| matches!(outcome.verdict.status, Status::Failed | Status::Error);
    let failed = report.outcomes.iter().filter(is_failed);
    let ids: Vec<&str> = failed.map(|outcome| outcome.check.id).collect();

    let named = ids.iter().take(MAX_NAMES).copied();
    let mut names = named.collect::<Vec<_>>().join(", ");
    if let Some(rest) = ids.len().checked_sub(MAX_NAMES).filter(|rest| *rest > 0) {
        names.push_str(&format!(" and {rest} more"));
    }
    format!("Waiting for {names}; next run in {} s", pause.as_secs())
}

#[cfg(test)]
mod tests {
    use checks::{Verdict, catalogue};

    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let outcome = |(check, verdict): (_, &Verdict)| Outcome {
            check,
            verdict: verdict.clone(),
        };
        Report {
            target: String::new(),
            outcomes: catalogue::all().zip(verdicts).map(outcome).collect(),
        }
    }

    #[test]
    fn everything_that_is_not_ok_is_repeated() {
        let report = report(&[
            Verdict::ok(""),
            Verdict::warning(""),
            Verdict::failed(""),
            Verdict::not_checked(""),
            Verdict::not_proven(""),
            Verdict::error(""),
            Verdict::not_applicable(""),
        ]);
        let ids: Vec<_> = catalogue::all().map(|check| check.id).collect();
        assert_eq!(open(&report), ids[1..6]);
    }

    #[test]
    fn repeated_outcomes_replace_earlier_ones() {
        let mut first = report(&[Verdict::ok("a"), Verdict::failed("b")]);
        let mut repeated = report(&[Verdict::error(""), Verdict::ok("c")]);
        repeated.outcomes.remove(0);
        merge(&mut first, repeated);
        let expected = report(&[Verdict::ok("a"), Verdict::ok("c")]);
        assert_eq!(first, expected);
    }

    #[test]
    fn note_names_a_few_failed_checks() {
        let ids: Vec<_> = catalogue::all().map(|check| check.id).collect();
        let mut verdicts = vec![
            Verdict::failed(""),
            Verdict::warning(""),
            Verdict::error(""),
        ];
        let short = waiting(&report(&verdicts), FIRST_PAUSE);
        let expected = format!("Waiting for {}, {}; next run in 1 s", ids[0], ids[2]);
        assert_eq!(short, expected);

        verdicts.extend(vec![Verdict::failed(""); 5]);
        let long = waiting(&report(&verdicts), FIRST_PAUSE);
        assert!(long.contains(" and 2 more; "), "{long}");
    }
}
