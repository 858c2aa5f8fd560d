//! The place for new secrets: a secrets file, or the terminal.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use super::{Secret, SecretsError, SecretsFile};

/// The place for new secrets. It is checked before a request is sent, so that no secret is lost.
#[derive(Debug)]
pub(crate) enum SecretsOutput {
    Terminal,
    File(SecretsFile),
}

impl SecretsOutput {
    /// Opens the file of `--secrets-out`. Without one, standard output must be a terminal: a pipe
    /// or a file of the shell would be readable by others, and would stay.
    ///
    /// # Errors
    /// [`SecretsError`] if there is neither a file nor a terminal.
    pub(crate) fn open(secrets_out: Option<&Path>) -> Result<Self, SecretsError> {
        match secrets_out {
            Some(path) => SecretsFile::create(path).map(Self::File),
            None if std::io::stdout().is_terminal() => Ok(Self::Terminal),
            None => Err(SecretsError::NoTerminal),
        }
    }

    /// Stores the secret of a key, or shows it on the terminal.
    ///
    /// # Errors
    /// [`SecretsError`] if it cannot be stored, or if standard output is not a terminal.
    pub(crate) fn put(&mut self, key_id: &str, secret: &Secret) -> Result<(), SecretsError> {
        match self {
            Self::File(file) => file.append(&[(key_id, secret.clone())]),
            Self::Terminal => show(secret),
        }
    }
}

/// Shows a secret on the terminal.
fn show(secret: &Secret) -> Result<(), SecretsError> {
    let mut output = std::io::stdout().lock();
    if !output.is_terminal() {
        return Err(SecretsError::NoTerminal);
    }

    let text = secret.expose();
    // It is not an error if the terminal is closed.
    let _ = writeln!(output, "Secret, which is not shown again:\n\n    {text}\n");
    Ok(())
}
