//! The log of a deployed function, from its start to its end.

use std::error::Error;
use std::process::ExitCode;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;

use crate::error_chain::chain_text;
use crate::log::log_at;
use crate::log_level::level_in;
use crate::panic::log_panics;

/// The variables of functions whose name is one word. Other words in capitals are no variables.
const ONE_WORD_VARIABLES: [&str; 1] = ["COMPOSITIONS"];

/// Starts the log of a function on standard output, and logs panics. `own` are the function's
/// crates, see [`log_to`](crate::log_to).
///
/// The level is that in `AWS_LAMBDA_LOG_LEVEL`, or else in `RUST_LOG`. It is `info` if it is
/// missing or invalid. A warning names an invalid one.
///
/// # Errors
/// [`SetGlobalDefaultError`] if the process has a log already.
pub fn start_log<const N: usize>(
    own: [&'static str; N],
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(), SetGlobalDefaultError> {
    let level = level_in(lookup);
    let default = LevelFilter::INFO;
    let known = level.as_ref().ok().copied().flatten();
    tracing::subscriber::set_global_default(log_at(
        own,
        known.unwrap_or(default),
        std::io::stdout,
    ))?;
    log_panics();

    if let Err(error) = level {
        tracing::warn!(variable = error.variable, %error, "the log level is invalid, so it is info");
    }
    Ok(())
}

/// Logs the error that ends a function, as one line, and returns the exit code of its process.
///
/// Lambda reports a process that ends before its first event as a failed start
/// (`platform.initReport` with the status `error`).
#[must_use]
pub fn exit_code(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = chain_text(error.as_ref());
            tracing::error!(
                variable = variable(&error),
                error,
                "the function cannot run"
            );
            ExitCode::FAILURE
        }
    }
}

/// Returns the environment variable that an error begins with, as all errors of settings do.
fn variable(error: &str) -> Option<&str> {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let end = error.bytes().position(|byte| !is_part(byte))?;

    let (name, rest) = error.split_at(end);
    let is_named = rest.starts_with(": ") || rest.starts_with(" is ");
    let is_variable = name.contains('_') || ONE_WORD_VARIABLES.contains(&name);
    (is_variable && is_named).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_log::TestLog;

    /// Returns the line about an error without its timestamp.
    fn line(error: &str) -> serde_json::Value {
        let log = TestLog::default();
        let guard = log.subscribe();
        let code = exit_code(Err(error.into()));
        drop(guard);

        assert_eq!(code, ExitCode::FAILURE);
        let [mut line] = log.json_lines().try_into().unwrap();
        line.as_object_mut().unwrap().remove("timestamp");
        line
    }

    #[test]
    fn error_of_a_start_is_one_line_with_its_variable() {
        assert_eq!(
            line("SYNC_TARGETS: orders: unknown field `prot`"),
            json!({
                "level": "ERROR",
                "message": "the function cannot run",
                "variable": "SYNC_TARGETS",
                "error": "SYNC_TARGETS: orders: unknown field `prot`",
            })
        );
    }

    #[test]
    fn missing_variable_is_named() {
        for variable in ["AUTH_POLICY", "COMPOSITIONS"] {
            assert_eq!(
                line(&format!("{variable} is not set"))["variable"],
                variable
            );
        }
    }

    #[test]
    fn error_without_a_variable_has_no_such_field() {
        for error in [
            "no response from dynamodb: timeout",
            "HTTP: closed",
            "A_B",
            "",
        ] {
            assert_eq!(line(error).get("variable"), None, "{error}");
        }
    }

    #[test]
    fn function_that_ends_normally_logs_nothing() {
        let log = TestLog::default();
        let _guard = log.subscribe();
        assert_eq!(exit_code(Ok(())), ExitCode::SUCCESS);
        assert_eq!(log.text(), "");
    }
}
