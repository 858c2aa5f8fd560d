//! The result of an attempt as text: a row per part, then the response.

use std::io::{IsTerminal as _, Write as _};

use gateway::local::{Attempt, PartReport};

use super::report::{milliseconds, result, status};
use crate::output::{OutputError, Style, Table, escaped, print_json_text};

/// Prints the parts, the status, the headers and the body.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print(attempt: &Attempt) -> Result<(), OutputError> {
    let reply = &attempt.reply;
    if !reply.parts.is_empty() {
        parts(attempt).print()?;
        writeln!(std::io::stdout())?;
    }

    let style = Style::stdout();
    let line = reply.status.to_string();
    let line = if reply.status.is_success() {
        style.green(&line)
    } else {
        style.red(&line)
    };
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    for (name, value) in &reply.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        writeln!(output, "{name}: {}", escaped(&value))?;
    }
    if reply.body.is_empty() {
        return Ok(());
    }

    writeln!(output)?;
    drop(output);
    print_body(&reply.body)
}

/// Prints the body: with indentation on a terminal, else as it is.
fn print_body(body: &[u8]) -> Result<(), OutputError> {
    let text = String::from_utf8_lossy(body);
    if std::io::stdout().is_terminal() {
        return print_json_text(&text);
    }

    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}

/// Returns a row per part.
fn parts(attempt: &Attempt) -> Table {
    let header = ["PART", "TIME", "ATTEMPTS", "RESULT", "CALL"];
    let mut table = Table::new(&header).numeric(&["TIME", "ATTEMPTS"]);

    for part in &attempt.reply.parts {
        let attempts = part.attempts.to_string();
        table.row([
            &*part.name,
            &time(part),
            &attempts,
            &outcome(part),
            &call(part, attempt),
        ]);
    }
    table
}

/// Returns the time of a part, or `-` if its service was not called.
fn time(part: &PartReport) -> String {
    match part.attempts {
        0 => "-".to_owned(),
        _ => format!("{:.1} ms", milliseconds(part)),
    }
}

/// Returns the result, and the fallback if the response has it.
fn outcome(part: &PartReport) -> String {
    let result = match status(part) {
        Some(status) => format!("{} {status}", result(part)),
        None => result(part).to_owned(),
    };
    if part.has_fallback {
        format!("{result}, fallback")
    } else {
        result
    }
}

/// Returns the method and the URL of the call. Without a call, the path is that of the document, whose
/// values may be absent.
fn call(part: &PartReport, attempt: &Attempt) -> String {
    let method = part.method.as_str();
    match (&part.url, attempt.templates.get(&part.name)) {
        (Some(url), _) => format!("{method} {url}"),
        (None, Some(template)) => format!("{method} {template}"),
        (None, None) => "-".to_owned(),
    }
}
