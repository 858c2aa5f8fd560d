//! `--watch`: shows a report again and again.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::commands::CommandError;
use crate::output::{OutputError, escaped};

/// The time for one report. The client would otherwise retry for longer without a word.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause after failures.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Moves to the first line and clears the terminal.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// The option to repeat a report.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct WatchArgs {
    /// Show the report every SECONDS (default 5) until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", conflicts_with = "json",
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(super) watch: Option<u64>,
}

impl WatchArgs {
    /// Shows a report once, or until Ctrl-C. The first failure ends the command. After it has shown
    /// a report, it continues while the API does not respond, with growing pauses.
    ///
    /// # Errors
    /// [`CommandError`] if the report cannot be read or printed.
    pub(super) async fn show(
        self,
        read: impl AsyncFn() -> Result<Value, CommandError>,
        show: impl Fn(&Value) -> Result<(), CommandError>,
    ) -> Result<ExitCode, CommandError> {
        let Some(seconds) = self.watch else {
            show(&read().await?)?;
            return Ok(ExitCode::SUCCESS);
        };

        let interval = Duration::from_secs(seconds);
        tokio::select! {
            ended = repeat(interval, read, show) => ended,
            interrupt = tokio::signal::ctrl_c() => match interrupt {
                Ok(()) => {
                    let _ = writeln!(std::io::stdout());
                    Ok(ExitCode::SUCCESS)
                }
                Err(error) => Err(CommandError::usage(format!("cannot wait for Ctrl-C: {error}"))),
            },
        }
    }
}

async fn repeat(
    interval: Duration,
    read: impl AsyncFn() -> Result<Value, CommandError>,
    show: impl Fn(&Value) -> Result<(), CommandError>,
) -> Result<ExitCode, CommandError> {
    let first = read().await?;
    draw(&first, &show)?;

    let mut failures = 0;
    loop {
        tokio::time::sleep(pause(interval, failures)).await;
        let report = match tokio::time::timeout(REPORT_TIMEOUT, read()).await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) if !is_temporary(&error) => return Err(error),
            outcome => {
                failures += 1;
                let problem = match outcome {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("no response within {} s", REPORT_TIMEOUT.as_secs()),
                };
                report_failure(&problem, pause(interval, failures));
                continue;
            }
        };
        failures = 0;
        draw(&report, &show)?;
    }
}

fn draw(
    report: &Value,
    show: impl Fn(&Value) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    let clear = if output.is_terminal() { CLEAR } else { "" };
    let now = Timestamp::now().round(jiff::Unit::Second);
    let now = now.unwrap_or_default();
    let head = write!(output, "{clear}{now}\n\n").map_err(OutputError::from);
    head?;
    show(report)
}

/// Prints a failure below the last report, which stays on the terminal.
fn report_failure(problem: &str, pause: Duration) {
    let problem = problem.lines().next().unwrap_or_default();
    let line = format!("{problem}; next attempt in {} s", pause.as_secs());
    let _ = writeln!(std::io::stderr(), "tollgate: {}", escaped(&line));
}

/// Returns the pause after a number of failures in a row.
fn pause(interval: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    let longest = MAX_PAUSE.max(interval);
    interval.saturating_mul(factor).min(longest)
}

/// True if the API did not respond, or asks to come back later.
fn is_temporary(error: &CommandError) -> bool {
    match error {
        CommandError::Client(error) => error
            .status()
            .is_none_or(|status| status == 429 || status >= 500),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let pauses = [0, 1, 2, 3, 4, 40].map(|failures| pause(Duration::from_secs(5), failures));
        let seconds = pauses.map(|pause| pause.as_secs());
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn longer_interval_is_never_shortened() {
        let interval = Duration::from_secs(600);
        assert_eq!(pause(interval, 3), interval);
    }

    #[test]
    fn mistakes_of_the_caller_end_the_command() {
        assert!(!is_temporary(&CommandError::usage("a")));
        assert!(!is_temporary(&CommandError::refused("a")));
    }
}
