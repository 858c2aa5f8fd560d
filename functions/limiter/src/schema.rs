//! Checks a document against its JSON Schema, and reports every mistake at once.
//!
//! The schema is the one that clients read (`/_tollgate/openapi.json`), so that the description and
//! the check cannot differ. This checker knows the types, fields, lists, enumerations, instants and
//! integer bounds of JSON Schema. Lengths and meaning are checked by the type that reads the
//! document.
//!
//! An invalid value is removed or replaced by a default, so that the type can read and check the
//! rest in the same request. That is why it is not the `jsonschema` crate: it only validates, so a
//! client would get the remaining mistakes one request later, and it has more than 20 dependencies.
//! `serde_path_to_error` stops at the first mistake.

pub(crate) mod mistakes;

use limits::parse_instant;
use serde_json::{Map, Value};

use crate::api;
use crate::problem::Mistake;

use mistakes::Mistakes;

/// The place of a value.
struct Place<'p> {
    pointer: String,
    /// The name at the beginning of a sentence.
    name: &'p str,
}

/// Finds the mistakes of a document, and removes or replaces every invalid value. `name` is the
/// name of a schema in the OpenAPI description. If nothing is left, the value becomes null.
pub(crate) fn remove_mistakes(value: &mut Value, name: &str) -> Mistakes {
    let description = api::description();
    let schema = &description["components"]["schemas"][name];

    let mut mistakes = Mistakes::default();
    let place = Place {
        pointer: String::new(),
        name: "the body",
    };
    let mut checker = Checker {
        description,
        mistakes: &mut mistakes,
    };
    if checker.check(value, schema, &place).is_none() {
        *value = Value::Null;
    }
    mistakes
}

struct Checker<'c> {
    description: &'c Value,
    mistakes: &'c mut Mistakes,
}

impl Checker<'_> {
    /// Checks a value and everything in it. `None` if the value must be removed.
    fn check(&mut self, value: &mut Value, schema: &Value, place: &Place<'_>) -> Option<()> {
        let schema = resolve(self.description, schema);
        if value.is_null() && is_nullable(schema) {
            return Some(());
        }

        let schema = without_null(self.description, schema);
        if value.is_null() && !kind(schema).is_empty() {
            let detail = format!("{} is null, expected {}", place.name, expected(schema));
            self.mistakes.add(Mistake::at(&*place.pointer, detail));
            return None;
        }
        if !fits(value, schema) {
            let detail = format!("{} is invalid, expected {}", place.name, expected(schema));
            self.mistakes.add(Mistake::at(&*place.pointer, detail));
            return None;
        }

        if kind(schema) == "integer"
            && let Some(number) = integer(value).and_then(serde_json::Number::from_i128)
        {
            *value = Value::Number(number);
        }
        match value {
            Value::Object(fields) => self.check_object(fields, schema, place),
            Value::Array(items) => {
                self.check_list(items, schema, place);
                Some(())
            }
            _ => Some(()),
        }
    }

    fn check_object(
        &mut self,
        fields: &mut Map<String, Value>,
        schema: &Value,
        place: &Place<'_>,
    ) -> Option<()> {
        let known = schema["properties"].as_object();
        let additional = &schema["additionalProperties"];
        let names: Vec<String> = fields.keys().cloned().collect();

        for name in names {
            let quoted = format!("`{name}`");
            let place = Place {
                pointer: Mistakes::field(&place.pointer, &name),
                name: &quoted,
            };
            let schema = known
                .and_then(|known| known.get(&name))
                .or(Some(additional).filter(|schema| schema.is_object()));

            let Some(schema) = schema else {
                if *additional == false {
                    fields.remove(&name);
                    let mistake = Mistake::at(place.pointer, unknown(&quoted, known));
                    self.mistakes.add(mistake);
                }
                continue;
            };
            if let Some(value) = fields.get_mut(&name)
                && self.check(value, schema, &place).is_none()
            {
                fields.remove(&name);
            }
        }
        self.add_required(fields, schema, place)
    }

    /// Adds a default for every required field that is missing. `None` if one has no default.
    fn add_required(
        &mut self,
        fields: &mut Map<String, Value>,
        schema: &Value,
        place: &Place<'_>,
    ) -> Option<()> {
        let known = schema["properties"].as_object();
        let required = schema["required"].as_array().into_iter().flatten();
        let missing: Vec<&str> = required
            .filter_map(Value::as_str)
            .filter(|name| !fields.contains_key(*name))
            .collect();

        let mut is_complete = Some(());
        for name in missing {
            let pointer = Mistakes::field(&place.pointer, name);
            let mistake = Mistake::at(pointer, format!("`{name}` is required"));
            self.mistakes.add(mistake);

            let default =
                known.and_then(|known| default(resolve(self.description, known.get(name)?)));
            match default {
                Some(value) => drop(fields.insert(name.to_owned(), value)),
                None => is_complete = None,
            }
        }
        is_complete
    }

    fn check_list(&mut self, items: &mut Vec<Value>, schema: &Value, place: &Place<'_>) {
        let mut valid = Vec::with_capacity(items.len());

        for (index, mut item) in items.drain(..).enumerate() {
            let name = format!("item {index} of {}", place.name);
            let item_place = Place {
                pointer: format!("{}/{index}", place.pointer),
                name: &name,
            };
            match self.check(&mut item, &schema["items"], &item_place) {
                Some(()) => valid.push(item),
                None => self.mistakes.item_removed(&place.pointer, index),
            }
        }
        *items = valid;
    }
}

/// Follows a reference.
fn resolve<'s>(description: &'s Value, schema: &'s Value) -> &'s Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|target| description.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

fn is_nullable(schema: &Value) -> bool {
    let lists_null = schema["type"]
        .as_array()
        .is_some_and(|types| types.iter().any(|kind| kind == "null"));
    lists_null || alternatives(schema).any(|schema| schema["type"] == "null")
}

/// Returns the alternative that is not null.
fn without_null<'s>(description: &'s Value, schema: &'s Value) -> &'s Value {
    let other = alternatives(schema).find(|schema| schema["type"] != "null");
    other.map_or(schema, |other| resolve(description, other))
}

/// Returns the type that is not null, or an empty string.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
    .unwrap_or_default()
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    schema["enum"].as_array()
}

/// Returns true if a value has the type of the schema. Fields and items are not checked.
fn fits(value: &Value, schema: &Value) -> bool {
    match kind(schema) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => match (value.as_str(), choices(schema)) {
            (Some(_), Some(choices)) => choices.contains(value),
            (Some(text), None) => schema["format"] != "date-time" || parse_instant(text).is_some(),
            (None, _) => false,
        },
        "number" => value.is_number(),
        "integer" => {
            let [min, max] = bounds(schema);
            integer(value).is_some_and(|number| {
                min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
            })
        }
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

/// Returns a whole number. JSON Schema also counts `1.0` as an integer.
fn integer(value: &Value) -> Option<i128> {
    /// 2⁵³. Above it, not every integer has a float of its own.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let is_integer = |number: &f64| number.fract() == 0.0 && number.abs() <= MAX_EXACT;
    let is_negative_zero = |number: &f64| *number == 0.0 && number.is_sign_negative();

    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is an integer of at most 2⁵³"
    )]
    let float = || {
        value
            .as_f64()
            .filter(|number| is_integer(number) && !is_negative_zero(number))
            .map(|number| number as i128)
    };
    value
        .as_u64()
        .map(i128::from)
        .or_else(|| value.as_i64().map(i128::from))
        .or_else(float)
}

/// Returns the minimum and the maximum.
fn bounds(schema: &Value) -> [Option<i128>; 2] {
    [integer(&schema["minimum"]), integer(&schema["maximum"])]
}

/// Describes the expected value, as the end of a sentence.
fn expected(schema: &Value) -> String {
    let what = match (kind(schema), choices(schema)) {
        ("string", Some(choices)) => {
            let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
            format!("one of `{}`", choices.join("`, `"))
        }
        ("string", None) if schema["format"] == "date-time" => {
            "an instant such as `2026-11-22T12:00:00Z`".to_owned()
        }
        ("string", None) => "a string".to_owned(),
        ("number", _) => "a number".to_owned(),
        ("integer", _) => match bounds(schema) {
            [Some(min), Some(max)] => format!("a whole number from {min} to {max}"),
            [Some(min), None] => format!("a whole number of at least {min}"),
            [None, Some(max)] => format!("a whole number of at most {max}"),
            [None, None] => "a whole number".to_owned(),
        },
        ("boolean", _) => "`true` or `false`".to_owned(),
        ("array", _) => "a list".to_owned(),
        _ => "a JSON object".to_owned(),
    };

    if is_nullable(schema) {
        what + " or null"
    } else {
        what
    }
}

fn unknown(quoted: &str, known: Option<&Map<String, Value>>) -> String {
    let known: Vec<_> = known
        .into_iter()
        .flatten()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    format!(
        "unknown field {quoted}, expected one of {}",
        known.join(", ")
    )
}

/// Returns a value for a missing required field. An enumeration has no neutral value.
fn default(schema: &Value) -> Option<Value> {
    match kind(schema) {
        "string" if choices(schema).is_none() && schema["format"].is_null() => Some("".into()),
        "number" => Some(0.into()),
        "integer" => {
            let min = bounds(schema)[0].unwrap_or(0).max(0);
            u64::try_from(min).ok().map(Value::from)
        }
        "boolean" => Some(false.into()),
        "array" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

#[cfg(test)]
mod described;
#[cfg(test)]
mod tests;
