//! `compose try`: composes one response on this machine, and shows each part.

mod options;
mod report;
mod text;

use std::process::ExitCode;

use gateway::local::{AttemptError, attempt};

use super::super::{CommandError, REFUSED};
use crate::cli::LogFormat;
use crate::log;
use crate::output::{Style, note, print_json_text, until_closed};

pub(crate) use options::TryComposition;

/// Runs `compose try`.
///
/// # Errors
/// [`CommandError`] with exit code 2 if a file is missing or invalid.
pub(super) async fn run(options: &TryComposition) -> Result<ExitCode, CommandError> {
    // Standard output is for the result only.
    log::start_from_environment(LogFormat::Text, Style::stderr(), std::io::stderr)
        .map_err(|error| CommandError::usage(error.to_string()))?;
    let (settings, caller) = (options.settings()?, options.caller());
    let attempt = attempt(&settings, &caller, options.request()?, std::io::sink()).await;
    let attempt = attempt.map_err(|error| match error {
        AttemptError::Forbidden(_) => CommandError::refused(error.to_string()),
        error => CommandError::usage(error.to_string()),
    })?;

    let reply = &attempt.reply;
    if attempt.called_echo {
        note(
            "The built-in echo service answers parts whose service neither --backend nor --service names.",
        );
    }
    until_closed(if options.json {
        print_json_text(&report::json(reply))
    } else {
        text::print(&attempt)
    })?;
    let is_refused = reply.status.is_client_error() || reply.status.is_server_error();
    Ok(ExitCode::from(if is_refused { REFUSED } else { 0 }))
}
