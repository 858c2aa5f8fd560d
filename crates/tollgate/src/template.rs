//! `template`: prints an evaluated template as JSON.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sam_template::{Node, ParameterValues, Template, TemplateError};
use serde_json::{Value, json};

use crate::cli::EvaluateTemplate;
use crate::fail;

/// The reasons why a template cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluationError {
    #[error("{path}: {error}", path = path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{path}: {error}", path = path.display())]
    Json {
        path: PathBuf,
        error: serde_json::Error,
    },
    #[error("{path}:{separator}{error}", path = path.display(), separator = if error.position.is_some() { "" } else { " " })]
    Template { path: PathBuf, error: TemplateError },
}

impl EvaluationError {
    fn template(path: &Path, error: TemplateError) -> Self {
        Self::Template {
            path: path.to_owned(),
            error,
        }
    }
}

pub(crate) fn run(options: &EvaluateTemplate) -> ExitCode {
    match evaluate(options) {
        Ok(evaluated) => {
            let _ = writeln!(std::io::stdout(), "{evaluated}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

/// Evaluates the template for the given parameters. With `--parameter-sets` the result is a list
/// with one result per set; a set that cannot be evaluated yields `{"Error": "…"}`.
fn evaluate(options: &EvaluateTemplate) -> Result<Value, EvaluationError> {
    let error = |error| EvaluationError::template(&options.template, error);
    let node = Node::parse(&read(&options.template)?).map_err(error)?;
    let common: ParameterValues = options.parameters.iter().cloned().collect();
    let Some(path) = &options.parameter_sets else {
        return evaluate_set(node, &common).map_err(error);
    };

    let sets: Vec<BTreeMap<String, String>> =
        serde_json::from_str(&read(path)?).map_err(|error| EvaluationError::Json {
            path: path.clone(),
            error,
        })?;
    let results = sets.into_iter().map(|set| {
        let mut parameters = common.clone();
        parameters.extend(set);
        evaluate_set(node.clone(), &parameters)
            .unwrap_or_else(|error| json!({"Error": error.to_string()}))
    });
    Ok(results.collect())
}

/// Evaluates a template for one set of parameters.
pub(crate) fn evaluate_file(
    path: &Path,
    parameters: &[(String, String)],
) -> Result<Value, EvaluationError> {
    let error = |error| EvaluationError::template(path, error);
    let node = Node::parse(&read(path)?).map_err(error)?;
    evaluate_set(node, &parameters.iter().cloned().collect()).map_err(error)
}

fn evaluate_set(node: Node, parameters: &ParameterValues) -> Result<Value, TemplateError> {
    Template::unresolved(node, parameters)?.to_json()
}

fn read(path: &Path) -> Result<String, EvaluationError> {
    std::fs::read_to_string(path).map_err(|error| EvaluationError::File {
        path: path.to_owned(),
        error,
    })
}
