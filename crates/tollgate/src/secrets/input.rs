//! Secrets that a person or a program enters.

use std::io::{IsTerminal as _, Read as _};

use super::{SecretsError, terminal};

/// The longest input, in bytes.
const MAX_INPUT_BYTES: u64 = 8 * 1024;

/// Reads one line from standard input. On a terminal, it asks with `prompt` and does not show what
/// is typed. White space around the text is removed.
///
/// # Errors
/// [`SecretsError`] if the input cannot be read, is empty, too long, or has several lines. The
/// message does not repeat the input.
pub(crate) fn read_secret(prompt: &str) -> Result<String, SecretsError> {
    let stdin = std::io::stdin();
    let text = if stdin.is_terminal() {
        terminal::read_line(prompt).map_err(SecretsError::Input)?
    } else {
        let mut text = Vec::new();
        let read = stdin
            .lock()
            .take(MAX_INPUT_BYTES + 1)
            .read_to_end(&mut text);
        read.map_err(SecretsError::Input)?;
        text
    };
    let text = String::from_utf8(text).map_err(|_| invalid("the text is not UTF-8"))?;
    checked(&text).map(str::to_owned)
}

fn checked(text: &str) -> Result<&str, SecretsError> {
    if text.len() as u64 > MAX_INPUT_BYTES {
        return Err(invalid(&format!(
            "longer than {MAX_INPUT_BYTES} bytes, expected one line"
        )));
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid("empty, expected one line"));
    }
    if text.lines().count() > 1 {
        return Err(invalid("several lines, expected one"));
    }
    Ok(text)
}

fn invalid(problem: &str) -> SecretsError {
    SecretsError::InvalidInput(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_the_input_is_removed() {
        assert_eq!(checked(" secret\r\n").unwrap(), "secret");
    }

    #[test]
    fn invalid_input_is_not_repeated() {
        let long = "x".repeat(8193);
        for text in ["", " \n", "secret\nsecret", &long] {
            let error = checked(text).unwrap_err().to_string();
            assert!(error.starts_with("standard input: "), "{error}");
            assert!(
                !error.contains("secret") && !error.contains("xx"),
                "{error}"
            );
        }
    }
}
