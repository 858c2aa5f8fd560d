//! `invoke`: calls a function with events from files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gateway::function::{Function, FunctionError};
use gateway::local::aws_setting;
use serde_json::Value;
use telemetry::RecordLog;

use crate::cli::{Invoke, LogFormat};
use crate::output::Style;
use crate::{fail, log};

/// The reasons why a function cannot be called.
#[derive(Debug, thiserror::Error)]
enum InvokeError {
    #[error("{path}: {problem}", path = path.display())]
    File { path: PathBuf, problem: String },
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// A setting is missing, and there is no file of settings next to the first event.
    #[error("{error}; settings come from the environment or from {path}, which does not exist", path = path.display())]
    NoSettings { error: FunctionError, path: PathBuf },
}

/// A function's response, or its error as Lambda reports it. Both are JSON.
type InvocationResult = Result<String, String>;

pub(crate) fn run(options: &Invoke) -> ExitCode {
    if let Err(error) =
        log::start_from_environment(LogFormat::Json, Style::stderr(), std::io::stderr)
    {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let results = match runtime.block_on(invoke_all(options)) {
        Ok(results) => results,
        Err(error) => return fail(&error),
    };

    for result in &results {
        let _ = match result {
            Ok(response) => writeln!(std::io::stdout(), "{response}"),
            Err(error) => writeln!(std::io::stderr(), "{error}"),
        };
    }
    if results.iter().all(Result::is_ok) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Calls the function with one event after another.
async fn invoke_all(options: &Invoke) -> Result<Vec<InvocationResult>, InvokeError> {
    let events = options
        .events
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let (function, records) = set_up_function(options).await?;

    let mut results = Vec::with_capacity(events.len());
    for event in &events {
        results.push(invoke(&function, event).await);
    }
    records.flush();
    Ok(results)
}

/// Sets up the function, and the log of its calls. Its settings come from `--endpoint`, the
/// environment and `env.json`, in this order.
async fn set_up_function(options: &Invoke) -> Result<(Function, RecordLog), InvokeError> {
    let path = settings_path(&options.events);
    let file = settings(&path, &options.function)?;
    let endpoint = options.endpoint.clone();
    let setting = move |name: &str| {
        let from_file = |name: &str| Some(file.get(name)?.as_str()?.to_owned());
        let given = |name: &str| std::env::var(name).ok().or_else(|| from_file(name));
        match &endpoint {
            Some(endpoint) => aws_setting(name, endpoint, given),
            None => given(name),
        }
    };

    // Standard output is for responses only.
    let records = RecordLog::to(std::io::stderr()).aggregated();
    let function = Function::new(&options.function, None, setting, records.clone()).await;
    let function = function
        .inspect_err(|_| records.flush())
        .map(|function| (function, records));
    function.map_err(|error| match error {
        FunctionError::Unknown(_) => error.into(),
        error if path.exists() => error.into(),
        error => InvokeError::NoSettings { error, path },
    })
}

async fn invoke(function: &Function, event: &[u8]) -> InvocationResult {
    match function.invoke(event).await {
        Ok(response) => Ok(String::from_utf8_lossy(&response).into_owned()),
        Err(error) => Err(serde_json::to_string(&error).unwrap_or(error.error_message)),
    }
}

/// The `env.json` next to the first event.
fn settings_path(events: &[PathBuf]) -> PathBuf {
    let folder = events
        .first()
        .and_then(|event| event.parent())
        .filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new(".")).join("env.json")
}

/// Returns the function's settings in an `env.json`: the value of its logical id, as in files for
/// `--env-vars` of the SAM CLI. Null if there is no such file.
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

/// Returns the logical id of a package's function, such as `AlbSyncFunction` for `alb-sync`.
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
    fn logical_id_is_the_package_name_in_camel_case() {
        assert_eq!(logical_id("alb-sync"), "AlbSyncFunction");
        assert_eq!(logical_id("authorizer"), "AuthorizerFunction");
    }
}
