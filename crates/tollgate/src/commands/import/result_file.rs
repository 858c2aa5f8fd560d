//! The files that a conversion writes.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::commands::CommandError;
use crate::output::OutputError;

/// The permissions of a confidential file: only its owner reads it.
const CONFIDENTIAL_MODE: u32 = 0o600;
/// The permissions of other files, without those that the umask removes.
const MODE: u32 = 0o666;

/// Checks that a file can be created. Another process may create it in between.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file exists.
pub(super) fn check(path: &Path) -> Result<(), CommandError> {
    if path.symlink_metadata().is_ok() {
        return Err(failed(path, &ErrorKind::AlreadyExists.into()));
    }
    Ok(())
}

/// Writes a text to a new file, or to standard output.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the file exists or cannot be written.
pub(super) fn write(
    path: Option<&Path>,
    text: &str,
    is_confidential: bool,
) -> Result<(), CommandError> {
    let Some(path) = path else {
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        return written.map_err(|error| CommandError::Output(OutputError::from(error)));
    };

    let mode = if is_confidential {
        CONFIDENTIAL_MODE
    } else {
        MODE
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> CommandError {
    let problem = if error.kind() == ErrorKind::AlreadyExists {
        "the file exists already, remove it or name another one".to_owned()
    } else {
        error.to_string()
    };
    CommandError::usage(format!("{}: {problem}", path.display()))
}
