//! Output of commands: tables and JSON to standard output, questions to standard error.
//!
//! Text of the server and of files is escaped, so that it cannot control a terminal.

mod confirm;
mod escape;
mod json;
mod line;
mod style;
mod table;
mod terminal;
mod wrap;

use std::io::ErrorKind;

use clap::Args;

pub(crate) use confirm::confirm;
pub(crate) use escape::escaped;
pub(crate) use json::{JsonList, print_json, print_json_text};
pub(crate) use line::{note, print_line, warn};
pub(crate) use style::Style;
pub(crate) use table::Table;
pub(crate) use terminal::stdout_columns;
pub(crate) use wrap::wrapped;

/// The options of commands that print data.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON: the documents of the API, lists as an array
    #[arg(long)]
    pub(crate) json: bool,
}

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub(crate) struct OutputError(#[from] std::io::Error);

impl OutputError {
    /// True if the reader has closed standard output, as `head` does when it has seen enough.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Returns the result of printing, in which it is no error that standard output was closed. For reads,
/// whose reader has seen enough, and for lines about a change that was made.
///
/// # Errors
/// [`OutputError`] for any other failure.
pub(crate) fn until_closed(printed: Result<(), OutputError>) -> Result<(), OutputError> {
    printed.or_else(|error| {
        if error.is_closed() {
            Ok(())
        } else {
            Err(error)
        }
    })
}
