//! Parameter values in JSON, as the AWS CLI, CodePipeline and the SAM CLI read them.

use sam_template::Position;
use serde_json::{Map, Value};
use strict_json::{StrictValue, TextPosition, locate_json, parse_json};

use super::{Entry, Given, Problem, check_count, pair};

const EXPECTED: &str = "expected an object of parameter names to values, or a list of objects with \
                        ParameterKey and ParameterValue";

pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::whole(format!("empty, {EXPECTED}")));
    }
    let StrictValue(root) = parse_json(text).map_err(|error| Problem {
        position: Some(position(error.position)),
        text: error.without_position(),
    })?;

    let document = Document(text);
    match &root {
        Value::Array(items) => {
            // Each position takes a pass over the text.
            check_count(items.len())?;
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| document.item(item, &format!("/{index}")))
                .collect()
        }
        Value::Object(fields) => document.object(fields),
        _ => Err(Problem::whole(EXPECTED)),
    }
}

/// A text, in which values are located by JSON Pointers.
struct Document<'t>(&'t str);

impl Document<'_> {
    fn position(&self, pointer: &str) -> Option<Position> {
        locate_json(self.0, pointer).map(position)
    }

    fn problem(&self, pointer: &str, text: impl Into<String>) -> Problem {
        Problem {
            position: self.position(pointer),
            text: text.into(),
        }
    }

    /// Returns the entries of an object, or of that in its field `Parameters`. The file of
    /// CodePipeline can have other fields, such as `Tags`.
    fn object(&self, fields: &Map<String, Value>) -> Result<Vec<Entry>, Problem> {
        let (prefix, fields) = match fields.get("Parameters") {
            Some(Value::Object(inner)) => ("/Parameters", inner),
            _ => ("", fields),
        };
        check_count(fields.len())?;
        fields
            .iter()
            .map(|(name, value)| {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                let given = self.given(value, &format!("{prefix}/{escaped}"))?;
                Ok((name.clone(), given))
            })
            .collect()
    }

    /// Returns the entry of an item of a list.
    fn item(&self, item: &Value, pointer: &str) -> Result<Entry, Problem> {
        if let Value::String(text) = item {
            return pair(text, self.position(pointer));
        }

        let Some(name) = item["ParameterKey"].as_str() else {
            return Err(self.problem(pointer, "expected an object with ParameterKey"));
        };
        let Some(value) = item.get("ParameterValue") else {
            let problem = format!("`{name}` has no `ParameterValue`");
            return Err(self.problem(pointer, problem));
        };
        let given = self.given(value, &format!("{pointer}/ParameterValue"))?;
        Ok((name.to_owned(), given))
    }

    fn given(&self, value: &Value, pointer: &str) -> Result<Given, Problem> {
        let mut converted = None;
        let value = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(is_true) => {
                converted = Some(if *is_true { "True" } else { "False" }.to_owned());
                is_true.to_string()
            }
            Value::Array(items) => self.joined(items, pointer)?,
            Value::Object(_) => {
                let expected = "expected a string, a number or a list of strings";
                return Err(self.problem(pointer, expected));
            }
        };
        Ok(Given {
            value,
            converted,
            position: self.position(pointer),
        })
    }

    fn joined(&self, items: &[Value], pointer: &str) -> Result<String, Problem> {
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        match texts {
            Some(texts) => Ok(texts.join(",")),
            None => Err(self.problem(pointer, "expected a list of strings")),
        }
    }
}

fn position(position: TextPosition) -> Position {
    Position {
        line: position.line,
        column: position.column,
    }
}
