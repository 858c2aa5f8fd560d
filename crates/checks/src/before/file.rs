//! A file with parameter values, in the forms that the SAM CLI, the AWS CLI and CodePipeline read.
//!
//! - YAML: a map of names to values, or the same under `Parameters`
//! - JSON: the same, or a list of objects with `ParameterKey` and `ParameterValue`, or of strings
//!   `NAME=VALUE`

mod json;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use sam_template::Position;

/// The largest file in bytes. CloudFormation accepts 200 parameters of 4,096 bytes each.
const MAX_FILE_BYTES: u64 = 1_024 * 1_024;
/// The most parameters of a template (CloudFormation quotas).
const MAX_PARAMETERS: usize = 200;

/// The values of a file, and those that replace them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParameterFile {
    path: String,
    values: BTreeMap<String, Given>,
}

/// A value and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The value. The items of a list are separated by commas.
    pub(crate) value: String,
    /// The value that the SAM CLI passes on, if it is a different one: it converts booleans and
    /// numbers without quotes.
    pub(crate) converted: Option<String>,
    /// The position in the file, or `None` for a value of the command line.
    pub(crate) position: Option<Position>,
}

/// The reason why a file has no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterFileError {
    path: String,
    position: Option<Position>,
    problem: String,
}

impl std::error::Error for ParameterFileError {}

impl fmt::Display for ParameterFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&place(&self.path, self.position))?;
        write!(formatter, ": {}", self.problem)
    }
}

/// Reads a regular file of at most `limit` bytes. A pipe or a device can block a read forever, and
/// neither the deadline of a run nor a signal interrupts it.
///
/// # Errors
/// The problem, without the path.
pub(super) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    aws::read_limited(path, limit)
}

/// A problem at a position, without the path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    position: Option<Position>,
    text: String,
}

impl Problem {
    fn at(position: Position, text: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            text: text.into(),
        }
    }

    fn whole(text: impl Into<String>) -> Self {
        Self {
            position: None,
            text: text.into(),
        }
    }
}

/// A name, its position and its value, in the order of the file.
type Entry = (String, Given);

impl ParameterFile {
    /// Reads a file. A name that ends with `.json` means JSON, and any other one YAML.
    ///
    /// # Errors
    /// [`ParameterFileError`] if the file cannot be read, or has another form.
    pub(crate) fn read(path: &Path) -> Result<Self, ParameterFileError> {
        let label = path.display().to_string();
        match read_regular(path, MAX_FILE_BYTES) {
            Ok(content) => Self::parse(&label, &content),
            Err(problem) => Err(Problem::whole(problem).of(label)),
        }
    }

    /// Parses the content of the file at `path`.
    ///
    /// # Errors
    /// [`ParameterFileError`] if the content has another form.
    pub(crate) fn parse(path: &str, content: &[u8]) -> Result<Self, ParameterFileError> {
        let values = values(path, content).map_err(|problem| problem.of(path.to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    /// Replaces a value by one of the command line.
    pub(crate) fn replace(&mut self, name: String, value: String) {
        let given = Given {
            value,
            converted: None,
            position: None,
        };
        self.values.insert(name, given);
    }

    /// Returns a value.
    pub(crate) fn get(&self, name: &str) -> Option<&Given> {
        self.values.get(name)
    }

    /// Returns all values by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.values
            .iter()
            .map(|(name, given)| (name.as_str(), given))
    }

    /// Returns the place of a value for messages, such as `parameters.yaml:4:3`. Without a value, it
    /// is the file.
    pub(crate) fn place(&self, name: &str) -> String {
        match self.get(name) {
            Some(Given { position: None, .. }) => "command line".to_owned(),
            Some(Given { position, .. }) => place(&self.path, *position),
            None => self.path.clone(),
        }
    }
}

impl Problem {
    fn of(self, path: String) -> ParameterFileError {
        ParameterFileError {
            path,
            position: self.position,
            problem: self.text,
        }
    }
}

fn place(path: &str, position: Option<Position>) -> String {
    match position {
        Some(Position { line, column }) => format!("{path}:{line}:{column}"),
        None => path.to_owned(),
    }
}

fn values(path: &str, content: &[u8]) -> Result<BTreeMap<String, Given>, Problem> {
    let text =
        std::str::from_utf8(content).map_err(|error| not_utf8(content, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let entries = if path.to_ascii_lowercase().ends_with(".json") {
        json::entries(text)?
    } else {
        yaml::entries(text)?
    };
    check_count(entries.len())?;

    let mut values = BTreeMap::new();
    for (name, given) in entries {
        if values.contains_key(&name) {
            let problem = format!("duplicate parameter `{name}`");
            return Err(Problem {
                position: given.position,
                text: problem,
            });
        }
        values.insert(name, given);
    }
    Ok(values)
}

fn check_count(count: usize) -> Result<(), Problem> {
    if count <= MAX_PARAMETERS {
        return Ok(());
    }
    Err(Problem::whole(format!(
        "{count} parameters, expected at most {MAX_PARAMETERS}"
    )))
}

fn not_utf8(content: &[u8], valid: usize) -> Problem {
    let before = content.get(..valid).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let in_line = before.rsplit(|byte| *byte == b'\n').next();
    let column = String::from_utf8_lossy(in_line.unwrap_or_default())
        .chars()
        .count()
        + 1;
    Problem::at(
        Position { line, column },
        "not UTF-8, expected a text file in UTF-8",
    )
}

/// Splits `NAME=VALUE`.
fn pair(text: &str, position: Option<Position>) -> Result<Entry, Problem> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let given = Given {
                value: value.to_owned(),
                converted: None,
                position,
            };
            Ok((name.to_owned(), given))
        }
        _ => Err(Problem {
            position,
            text: "expected NAME=VALUE".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
