//! `token explain`: prints each check of a token with its result.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gateway::local::{
    CheckResult, MAX_TOKEN_INPUT_BYTES, TokenExplanation, TokenInputError, bare_token,
    explain_token,
};

use crate::cli::{ExplainToken, LogFormat};
use crate::output::Style;
use crate::{escaped, fail, log};

/// The reasons why there is no token to explain.
#[derive(Debug, thiserror::Error)]
enum InputError {
    #[error("{path}: {error}", path = path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("standard input: {0}")]
    StandardInput(std::io::Error),
    #[error("the token is empty, expected a token in --file or on standard input")]
    Empty,
    #[error(transparent)]
    Token(TokenInputError),
}

pub(super) fn run(options: &ExplainToken) -> ExitCode {
    // Standard output is for the explanation only.
    if let Err(error) =
        log::start_from_environment(LogFormat::Text, Style::stderr(), std::io::stderr)
    {
        return fail(&error);
    }
    let token = match token(options.file.as_deref()) {
        Ok(token) => token,
        Err(error) => return fail(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };

    let explaining = explain_token(&options.policy, &token, &options.requests, std::io::sink());
    let explanation = match runtime.block_on(explaining) {
        Ok(explanation) => explanation,
        Err(error) => return fail(&error),
    };
    let output = if options.json {
        json(&explanation)
    } else {
        table(&explanation)
    };
    // It is not an error if standard output is closed.
    let _ = std::io::stdout().write_all(output.as_bytes());

    if explanation.accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Returns the token in a file or on standard input, without white space and `Bearer` around it.
fn token(file: Option<&Path>) -> Result<String, InputError> {
    let text = match file {
        Some(path) => {
            let text = File::open(path).and_then(read);
            text.map_err(|error| InputError::File {
                path: path.to_owned(),
                error,
            })?
        }
        None => {
            if std::io::stdin().is_terminal() {
                let _ = writeln!(std::io::stderr(), "Paste the token, then press Ctrl-D.");
            }
            read(std::io::stdin()).map_err(InputError::StandardInput)?
        }
    };
    match bare_token(&text) {
        Ok(token) => Ok(token.to_owned()),
        Err(TokenInputError::Empty) => Err(InputError::Empty),
        Err(error) => Err(InputError::Token(error)),
    }
}

/// Reads at most one byte more than the longest input.
fn read(input: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_TOKEN_INPUT_BYTES).unwrap_or(u64::MAX);
    input.take(limit + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn json(explanation: &TokenExplanation) -> String {
    let text = serde_json::to_string_pretty(explanation).unwrap_or_default();
    text + "\n"
}

/// Returns a line per check, and the decision. Control characters are escaped, because a token can
/// contain them.
fn table(explanation: &TokenExplanation) -> String {
    let names = explanation.checks.iter().map(|check| check.check.len());
    let width = names.max().unwrap_or_default();
    let mut table = String::new();

    for check in &explanation.checks {
        let (result, name) = (check.result.as_str(), check.check);
        let text = escaped(&check.text);
        let _ = write!(table, "{result:7}  {name:width$}  {text}");
        let detail = check.detail.as_deref().filter(|it| *it != check.text);
        if let (CheckResult::Failed, Some(detail)) = (check.result, detail) {
            let _ = write!(table, " [{}]", escaped(detail));
        }
        table.push('\n');
    }
    let _ = writeln!(table, "\n{}", decision(explanation));
    table
}

/// Returns the decision, with the fields of the log line of a refusal.
fn decision(explanation: &TokenExplanation) -> String {
    if explanation.accepted {
        return "The token is accepted.".to_owned();
    }

    let mut line = format!("The token is refused: reason={}", explanation.reason);
    for (name, value) in [
        ("detail", &explanation.detail),
        ("issuer", &explanation.issuer),
    ] {
        if let Some(value) = value {
            let _ = write!(line, " {name}={:?}", escaped(value));
        }
    }
    line
}
