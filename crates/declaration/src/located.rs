//! YAML as JSON values, with the position of each value.

use std::collections::HashMap;

use saphyr::{MarkedYaml, Scalar, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};

use crate::json_positions::json_positions;
use crate::mistake::{DeclarationError, DeclarationMistake, field_name};
use crate::position::Position;

/// The deepest nesting of values. Reading uses stack for each level.
const MAX_DEPTH: usize = 64;

/// A YAML document as a JSON value, with the position of each value by JSON Pointer.
#[derive(Clone, Debug)]
pub struct Located {
    /// The name of the file.
    file: String,
    /// The value.
    pub value: Value,
    positions: HashMap<String, Position>,
}

/// A problem at a position.
type Problem = (Position, String);

impl Located {
    /// Reads one YAML document. JSON is YAML too. Aliases are an error, because a short text with
    /// aliases can mean an endless value.
    ///
    /// # Errors
    /// [`DeclarationError`] with one mistake if the text is not a single YAML document of strings,
    /// numbers, booleans, nulls, lists and maps without duplicate names.
    pub fn parse(file: &str, text: &str) -> Result<Self, DeclarationError> {
        let (position, problem) = match Self::read(file, text) {
            Ok(located) => return Ok(located),
            Err(problem) => problem,
        };
        if let Some(located) = Self::read_json(file, text) {
            return Ok(located);
        }

        Err(DeclarationError {
            file: file.to_owned(),
            mistakes: vec![DeclarationMistake {
                position,
                field: String::new(),
                problem,
            }],
        })
    }

    /// Reads JSON that the YAML reader rejects, such as an escaped character outside the basic
    /// plane, or lines that are indented with tabs. Returns `None` if the text is not JSON.
    fn read_json(file: &str, text: &str) -> Option<Self> {
        Some(Self {
            file: file.to_owned(),
            value: strict_json::value(text.as_bytes()).ok()?,
            positions: json_positions(text)?,
        })
    }

    /// Returns a mistake at the value of a JSON Pointer, or at the closest value around it.
    #[must_use]
    pub fn mistake(&self, pointer: &str, problem: impl Into<String>) -> DeclarationMistake {
        DeclarationMistake {
            position: self.position(pointer),
            field: field_name(pointer),
            problem: problem.into(),
        }
    }

    /// Returns an error with these mistakes, in the order of their positions.
    #[must_use]
    pub fn error(&self, mut mistakes: Vec<DeclarationMistake>) -> DeclarationError {
        mistakes.sort_by_key(|mistake| mistake.position);
        DeclarationError {
            file: self.file.clone(),
            mistakes,
        }
    }

    /// Returns the position of a value, or of the closest value around it.
    #[must_use]
    pub fn position(&self, pointer: &str) -> Position {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.positions.get(pointer) {
                return *position;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return Position::START,
            }
        }
    }

    fn read(file: &str, text: &str) -> Result<Self, Problem> {
        check_events(text)?;
        let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
        let loaded = Parser::new_from_str(text).load(&mut loader, true);
        if let Some(error) = loaded.as_ref().err().or(loader.error()) {
            return Err((Position::of(error.marker()), error.info().to_owned()));
        }

        let mut located = Self {
            file: file.to_owned(),
            value: Value::Null,
            positions: HashMap::new(),
        };
        match loader.into_documents().as_slice() {
            [] => {}
            [document] => located.value = located.convert(document, String::new())?,
            [_, second, ..] => {
                let problem = "expected one YAML document, found another one";
                return Err((Position::of(&second.span.start), problem.to_owned()));
            }
        }
        Ok(located)
    }

    fn convert(&mut self, yaml: &MarkedYaml<'_>, pointer: String) -> Result<Value, Problem> {
        let position = Position::of(&yaml.span.start);
        let value = match &yaml.data {
            YamlData::Value(scalar) => scalar_value(scalar)
                .ok_or_else(|| (position, "expected a finite number".to_owned()))?,
            YamlData::Sequence(items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(index, item)| self.convert(item, format!("{pointer}/{index}")));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            YamlData::Mapping(entries) => {
                let mut fields = Map::new();
                for (name, item) in entries {
                    let name = name_of(name)?;
                    let escaped = name.replace('~', "~0").replace('/', "~1");
                    let item = self.convert(item, format!("{pointer}/{escaped}"))?;
                    fields.insert(name, item);
                }
                Value::Object(fields)
            }
            YamlData::Tagged(..) => {
                return Err((position, "YAML tags are not supported".to_owned()));
            }
            YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
                return Err((position, "this YAML value is not supported".to_owned()));
            }
        };

        self.positions.insert(pointer, position);
        Ok(value)
    }
}

/// Returns the name of a field. A number or a boolean is a name too, as in JSON.
fn name_of(yaml: &MarkedYaml<'_>) -> Result<String, Problem> {
    match &yaml.data {
        YamlData::Value(Scalar::String(name)) => Ok(name.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Ok(number.to_string()),
        YamlData::Value(Scalar::Boolean(value)) => Ok(value.to_string()),
        _ => {
            let problem = "a name must be a string, write it in quotation marks";
            Err((Position::of(&yaml.span.start), problem.to_owned()))
        }
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Option<Value> {
    Some(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Value::Number(Number::from_f64(number.into_inner())?),
        Scalar::String(text) => Value::from(text.to_string()),
    })
}

/// Checks nesting and aliases before the values are built, because building them is recursive.
fn check_events(text: &str) -> Result<(), Problem> {
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| (Position::of(error.marker()), error.info().to_owned()))?;

        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            Event::Alias(_) => {
                let problem = "YAML aliases are not supported, repeat the value";
                return Err((Position::of(&span.start), problem.to_owned()));
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            let problem = format!("values are nested more than {MAX_DEPTH} levels deep");
            return Err((Position::of(&span.start), problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(text: &str) -> String {
        Located::parse("a.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn values_have_the_types_of_yaml() {
        let text = "a: 1\nb: 1.5\nc: yes\nd: true\ne:\nf: \"1\"\n2026: [x, {y: z}]\n";
        let located = Located::parse("a.yaml", text).unwrap();
        assert_eq!(
            located.value,
            json!({"a": 1, "b": 1.5, "c": "yes", "d": true, "e": null, "f": "1", "2026": ["x", {"y": "z"}]})
        );
        assert_eq!(
            located.position("/2026/1/y"),
            Position {
                line: 7,
                column: 15
            }
        );
    }

    #[test]
    fn json_is_accepted() {
        let located = Located::parse("a.json", "{\"a\": [1, \"\\u00e9\\/\"]}").unwrap();
        assert_eq!(located.value, json!({"a": [1, "é/"]}));
    }

    #[test]
    fn json_that_is_not_yaml_is_accepted() {
        let text = "{\n\t\"a\": [\n\t\t\"\\ud83d\\ude00\", 2]}";
        let located = Located::parse("a.json", text).unwrap();
        assert_eq!(located.value, json!({"a": ["😀", 2]}));
        let position = located.position("/a/1/missing");
        assert_eq!((position.line, position.column), (3, 19));

        let duplicate = "{\"a\": \"\\ud83d\\ude00\", \"a\": 2}";
        assert!(Located::parse("a.json", duplicate).is_err());
    }

    #[test]
    fn missing_field_has_the_position_of_its_object() {
        let located = Located::parse("a.yaml", "a:\n  b: 1\n").unwrap();
        let mistake = located.mistake("/a/c/d", "missing");
        assert_eq!(mistake.position, Position { line: 2, column: 3 });
    }

    #[test]
    fn text_that_cannot_be_read_is_one_mistake_with_its_position() {
        for (text, expected) in [
            ("a: 1\na: 2\n", "a.yaml:2:"),
            (
                "a: &x 1\nb: *x\n",
                "a.yaml:2:4: YAML aliases are not supported",
            ),
            ("a: !secret b\n", "a.yaml:1:"),
            ("a: 1\n---\nb: 2\n", "expected one YAML document"),
            ("a: [1\n", "a.yaml:2:"),
            ("a: .nan\n", "a.yaml:1:4: expected a finite number"),
            ("? [a]\n: b\n", "a name must be a string"),
        ] {
            assert!(
                problem(text).contains(expected),
                "{text}: {}",
                problem(text)
            );
        }
        let deep = "[".repeat(100);
        assert!(
            problem(&deep).contains("nested more than 64"),
            "{}",
            problem(&deep)
        );
    }
}
