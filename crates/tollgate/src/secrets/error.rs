//! Errors of secrets and their files. No message repeats a secret.

use std::io;
use std::path::PathBuf;

use registry::RandomError;

/// The reason why a secret cannot be generated, stored, shown or read. Each is an error of the
/// caller or of the machine, found before a request is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    #[error("{path}: {error}", path = path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{path}: {problem}", path = path.display())]
    Unsafe { path: PathBuf, problem: String },
    #[error("{path}:{line}: {problem}", path = path.display())]
    Record {
        path: PathBuf,
        line: u64,
        problem: &'static str,
    },
    #[error("standard input: {0}")]
    Input(io::Error),
    #[error("standard input: {0}")]
    InvalidInput(String),
    #[error(
        "the secret is shown on a terminal only, and standard output is not a terminal; add --secrets-out FILE to store it"
    )]
    NoTerminal,
    #[error(transparent)]
    Random(#[from] RandomError),
}
