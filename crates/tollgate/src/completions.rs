//! `completions`: prints a script that completes command lines.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::Completions;
use crate::fail;

/// Prints the script. A closed pipe is an error, because a part of a script is invalid.
pub(crate) fn run(options: &Completions) -> ExitCode {
    let mut output = std::io::stdout().lock();
    let written = output
        .write_all(&options.script())
        .and_then(|()| output.flush());

    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write the script: {error}")),
    }
}
