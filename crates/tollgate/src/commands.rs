//! The commands that administer an API.

mod answer;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod blocks;
pub(crate) mod check;
pub(crate) mod compose;
pub(crate) mod console;
mod csv_pages;
mod declaration_file;
pub(crate) mod diff;
mod document;
pub(crate) mod dump;
pub(crate) mod import;
mod input;
pub(crate) mod keys;
mod list;
pub(crate) mod plans;
pub(crate) mod policies;
mod remote;
mod signals;
pub(crate) mod usage;
mod value_text;

use std::io::Write as _;
use std::process::ExitCode;

use admin_client::ClientError;

use crate::output::OutputError;
use crate::secrets::SecretsError;
use crate::{INVALID_INPUT, escaped, fail};

/// The exit code if the service refused a request, or a check failed.
const REFUSED: u8 = 1;

/// A command that failed. Its message can have several lines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The arguments or a file are invalid. The exit code is 2.
    #[error("{0}")]
    Usage(String),
    /// A check failed, or the service refused a part of the command. The exit code is 1.
    #[error("{0}")]
    Refused(String),
    /// A secret cannot be generated, stored, shown or read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Standard output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError {
    /// Returns an error for invalid arguments or files.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Returns an error for a failed check, or for a part that the service refused.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }

    /// Returns the exit code of the command.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
            Self::Usage(_) | Self::Secrets(_) | Self::Output(_) => INVALID_INPUT,
            Self::Refused(_) => REFUSED,
        }
    }
}

/// Runs a command and returns its exit code. An error is printed to standard error.
pub(crate) fn run(command: impl Future<Output = Result<ExitCode, CommandError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };

    match runtime.block_on(command) {
        Ok(code) => code,
        Err(error) => {
            let _ = write!(std::io::stderr(), "{}", error_text(&error.to_string()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Returns the text of an error. Further lines are indented. Control characters are escaped,
/// because the message can contain text of the server.
fn error_text(message: &str) -> String {
    let mut text = String::new();
    for (index, line) in message.lines().enumerate() {
        text.push_str(if index == 0 { "tollgate: " } else { "  " });
        text.push_str(&escaped(line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_can_have_several_lines_and_no_control_characters() {
        assert_eq!(
            error_text("plan free:\n/a: wrong\u{1b}[2J"),
            "tollgate: plan free:\n  /a: wrong\\u{1b}[2J\n"
        );
    }

    #[test]
    fn mistakes_of_the_caller_and_refusals_have_different_exit_codes() {
        assert_eq!(CommandError::usage("a").exit_code(), 2);
        assert_eq!(CommandError::refused("a").exit_code(), 1);
    }
}
