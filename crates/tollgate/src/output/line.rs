//! Single lines: results to standard output, warnings and notes to standard error.

use std::io::Write as _;

use super::{OutputError, Style, escaped};

/// Prints a line to standard output. Control characters are escaped.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(crate) fn print_line(line: &str) -> Result<(), OutputError> {
    writeln!(std::io::stdout(), "{}", escaped(line))?;
    Ok(())
}

/// Prints a warning to standard error.
pub(crate) fn warn(warning: &str) {
    let word = Style::stderr().yellow("warning:");
    let _ = writeln!(std::io::stderr(), "{word} {}", escaped(warning));
}

/// Prints a note to standard error, where it does not mix with data.
pub(crate) fn note(note: &str) {
    let _ = writeln!(std::io::stderr(), "{}", escaped(note));
}
