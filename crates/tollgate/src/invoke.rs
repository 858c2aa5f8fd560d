//! `invoke`: one function, called with events from files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use telemetry::RecordLog;

use crate::cli::Invoke;
use gateway::function::{Function, FunctionError};
use gateway::local::aws_setting;

/// Why nothing could be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// A file that cannot be read.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The function cannot be set up.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// A setting is missing, and there is no file with settings beside the first event.
    #[error("{error}; settings come from the environment or from {path}, which does not exist", path = path.display())]
    NoSettings {
        /// The setting.
        error: FunctionError,
        /// Where the file would be.
        path: PathBuf,
    },
}

/// What the function said to one event: its answer, or its error as Lambda reports it. Both are
/// JSON.
pub(crate) type Said = Result<String, String>;

/// Calls the function with each event in turn.
///
/// # Errors
/// [`InvokeError`] where it cannot be called at all.
pub(crate) async fn run(options: &Invoke) -> Result<Vec<Said>, InvokeError> {
    let events = options
        .events
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let path = settings_path(&options.events);
    let file = settings(&path, &options.function)?;
    let endpoint = options.endpoint.clone();
    let setting = move |name: &str| {
        let of_file = |name: &str| Some(file.get(name)?.as_str()?.to_owned());
        let given = |name: &str| std::env::var(name).ok().or_else(|| of_file(name));
        endpoint.as_ref().map_or_else(
            || given(name),
            |endpoint| aws_setting(name, endpoint, given),
        )
    };
    // Standard output is for answers.
    let function = Function::new(
        &options.function,
        None,
        setting,
        RecordLog::to(std::io::stderr()),
    )
    .await;
    let function = function.map_err(|error| match error {
        FunctionError::Unknown(_) => error.into(),
        error if path.exists() => error.into(),
        error => InvokeError::NoSettings { error, path },
    })?;
    let mut answers = Vec::with_capacity(events.len());
    for event in &events {
        answers.push(said(&function, event).await);
    }
    Ok(answers)
}

async fn said(function: &Function, event: &[u8]) -> Said {
    match function.invoke(event).await {
        Ok(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Err(error) => Err(serde_json::to_string(&error).unwrap_or(error.error_message)),
    }
}

/// The `env.json` beside the first event.
fn settings_path(events: &[PathBuf]) -> PathBuf {
    let folder = events
        .first()
        .and_then(|event| event.parent())
        .filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new(".")).join("env.json")
}

/// The function's settings in an `env.json`, by its logical id, in the form that the SAM CLI's
/// `--env-vars` has. Nothing if there is no such file.
fn settings(path: &Path, package: &str) -> Result<Value, InvokeError> {
    if !path.exists() {
        return Ok(Value::Null);
    }
    let problem = |error: serde_json::Error| InvokeError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let mut all: Value = serde_json::from_slice(&read(path)?).map_err(problem)?;
    Ok(all[logical_id(package)].take())
}

fn read(path: &Path) -> Result<Vec<u8>, InvokeError> {
    std::fs::read(path).map_err(|error| InvokeError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

/// `alb-sync` is `AlbSyncFunction`.
fn logical_id(package: &str) -> String {
    let words = package.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<String>() + "Function"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_logical_id_is_its_name_in_capitals() {
        assert_eq!(logical_id("alb-sync"), "AlbSyncFunction");
        assert_eq!(logical_id("authorizer"), "AuthorizerFunction");
    }
}
