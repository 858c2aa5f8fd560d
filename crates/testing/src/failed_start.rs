//! A function's program that does not start.

use std::process::{Command, Stdio};

use serde_json::Value;

/// The end of a program that did not start, and its log.
#[derive(Debug)]
pub struct FailedStart {
    /// The lines on standard output.
    pub lines: Vec<Value>,
}

impl FailedStart {
    /// Runs a program with these variables only, until it ends.
    ///
    /// # Panics
    /// If it succeeds, writes to standard error, or writes a line that is not a JSON object.
    #[must_use]
    pub fn of(program: &str, variables: &[(&str, &str)]) -> Self {
        let output = Command::new(program)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();

        let text = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{text}");
        assert_eq!(stderr, "", "{text}");

        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        Self { lines }
    }

    /// Returns the last line, which is about the error.
    ///
    /// # Panics
    /// If it is not a line of the level ERROR, or an earlier one is, too.
    #[must_use]
    pub fn error(&self) -> &Value {
        let mut errors = self.lines.iter().filter(|line| line["level"] == "ERROR");
        let error = errors.next().unwrap();

        assert_eq!(errors.next(), None);
        assert_eq!(Some(error), self.lines.last());
        assert_eq!(error["message"], "the function cannot run");
        error
    }

    /// Asserts that the error is about a variable, and that its text contains `part`.
    ///
    /// # Panics
    /// If the error is about something else.
    pub fn assert_names(&self, variable: &str, part: &str) {
        let error = self.error();
        assert_eq!(error["variable"], variable, "{error}");
        assert!(error["error"].as_str().unwrap().contains(part), "{error}");
    }
}
