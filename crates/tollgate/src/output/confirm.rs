//! Questions before a change that cannot be undone.

use std::io::{BufRead, Read as _, Write};

use super::{escaped, terminal};
use crate::commands::CommandError;

/// The longest answer that is read, in bytes. More than `yes` is a no.
const MAX_ANSWER_BYTES: u64 = 64;

/// Asks the user at the terminal, and returns true if the answer is `y` or `yes`. With `yes`, the
/// value of `--yes`, it returns true without asking.
///
/// # Errors
/// [`CommandError`] with exit code 2 if there is no terminal to ask at.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<bool, CommandError> {
    if yes {
        return Ok(true);
    }
    if !terminal::can_ask() {
        return Err(CommandError::usage(format!(
            "{question} There is no terminal to ask at: confirm with --yes"
        )));
    }

    ask(
        question,
        &mut std::io::stdin().lock(),
        &mut std::io::stderr(),
    )
    .map_err(|error| CommandError::usage(format!("cannot read the answer: {error}")))
}

fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> std::io::Result<bool> {
    write!(output, "{} [y/N] ", escaped(question))?;
    output.flush()?;

    let mut answer = Vec::new();
    input
        .take(MAX_ANSWER_BYTES)
        .read_until(b'\n', &mut answer)?;
    if !answer.ends_with(b"\n") {
        // After Ctrl-D, the shell's prompt would continue the line of the question.
        writeln!(output)?;
    }

    let answer = String::from_utf8_lossy(&answer).trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> (bool, String) {
        let mut output = Vec::new();
        let answer = ask("Delete plan a?", &mut text.as_bytes(), &mut output).unwrap();
        (answer, String::from_utf8(output).unwrap())
    }

    #[test]
    fn only_y_and_yes_confirm() {
        for text in ["y\n", "Yes\n", "YES\r\n", "y"] {
            assert!(answer(text).0, "{text:?}");
        }
        for text in ["\n", "", "n\n", "no\n", "yesterday\n", "y n\n", "j\n"] {
            assert!(!answer(text).0, "{text:?}");
        }
    }

    #[test]
    fn default_answer_is_shown() {
        assert_eq!(answer("\n").1, "Delete plan a? [y/N] ");
    }

    #[test]
    fn line_ends_after_an_answer_without_a_line_break() {
        assert_eq!(answer("").1, "Delete plan a? [y/N] \n");
    }

    #[test]
    fn long_answer_is_a_no() {
        assert!(!answer(&"y".repeat(1_000_000)).0);
    }

    #[test]
    fn yes_needs_no_terminal() {
        assert!(confirm("Delete plan a?", true).unwrap());
    }
}
