//! Holds a document against its description, and finds every member that is wrong, not only the
//! first.
//!
//! The description is the one that clients read (`/_tollgate/openapi.json`), so that what is
//! described is what is taken. Of JSON Schema it has types, members, lists, choices, instants and
//! the bounds of whole numbers; lengths and whatever else a document has to be is for who reads it.
//! What is wrong is taken out, or stands in for what it should be, so that all the rest can be
//! looked at in the same go.

pub(crate) mod mistakes;

use serde_json::{Map, Value};
use usage::parse_instant;

use crate::problem::Mistake;
use crate::schema::mistakes::Mistakes;

/// Where a value stands, in two words for two readers.
struct Place<'p> {
    pointer: String,
    /// As a sentence begins with it.
    name: &'p str,
}

/// Every mistake in the shape of `value`. What is left of it is without them, and nothing where
/// nothing can be.
pub(crate) fn mistakes(value: &mut Value, schema: &Value, description: &Value) -> Mistakes {
    let mut mistakes = Mistakes::default();
    let place = Place {
        pointer: String::new(),
        name: "the body",
    };
    if (Reader {
        description,
        mistakes: &mut mistakes,
    })
    .value(value, schema, &place)
    .is_none()
    {
        *value = Value::Null;
    }
    mistakes
}

struct Reader<'r> {
    description: &'r Value,
    mistakes: &'r mut Mistakes,
}

impl Reader<'_> {
    /// `None` where the value cannot stay.
    fn value(&mut self, value: &mut Value, schema: &Value, place: &Place<'_>) -> Option<()> {
        let schema = resolved(self.description, schema);
        if value.is_null() && is_nullable(schema) {
            return Some(());
        }
        let schema = without_null(self.description, schema);
        if value.is_null() && !kind(schema).is_empty() {
            let detail = format!("{} is null, expected {}", place.name, wanted(schema));
            self.mistakes.add(Mistake::at(&*place.pointer, detail));
            return None;
        }
        let is_whole = match kind(schema) {
            "object" => value.is_object(),
            "array" => value.is_array(),
            _ => fits(value, schema),
        };
        if !is_whole {
            self.mistakes.add(Mistake::at(
                &*place.pointer,
                format!("{} is {}", place.name, wanted(schema)),
            ));
            return None;
        }
        if kind(schema) == "integer"
            && let Some(number) = whole(value).and_then(serde_json::Number::from_i128)
        {
            *value = Value::Number(number);
        }
        match value {
            Value::Object(members) => self.object(members, schema, place),
            Value::Array(items) => {
                self.list(items, schema, place);
                Some(())
            }
            _ => Some(()),
        }
    }

    fn object(
        &mut self,
        members: &mut Map<String, Value>,
        schema: &Value,
        place: &Place<'_>,
    ) -> Option<()> {
        let names: Vec<String> = members.keys().cloned().collect();
        let known = schema["properties"].as_object();
        for name in names {
            let own = known.and_then(|known| known.get(&name));
            let others = Some(&schema["additionalProperties"]).filter(|others| others.is_object());
            let quoted = format!("`{name}`");
            let at = Place {
                pointer: Mistakes::member(&place.pointer, &name),
                name: &quoted,
            };
            let Some(of) = own.or(others) else {
                if schema["additionalProperties"] == false {
                    members.remove(&name);
                    self.mistakes
                        .add(Mistake::at(at.pointer, unknown(&quoted, known)));
                }
                continue;
            };
            if let Some(member) = members.get_mut(&name)
                && self.value(member, of, &at).is_none()
            {
                members.remove(&name);
            }
        }
        let required = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let missing: Vec<&str> = required
            .filter(|name| !members.contains_key(*name))
            .collect();
        let mut stand_ins = Some(());
        for name in missing {
            let detail = format!("`{name}` is required");
            self.mistakes
                .add(Mistake::at(Mistakes::member(&place.pointer, name), detail));
            match known.and_then(|known| stand_in(resolved(self.description, known.get(name)?))) {
                Some(value) => drop(members.insert(name.to_owned(), value)),
                None => stand_ins = None,
            }
        }
        stand_ins
    }

    fn list(&mut self, items: &mut Vec<Value>, schema: &Value, place: &Place<'_>) {
        let mut kept = Vec::with_capacity(items.len());
        for (index, mut item) in items.drain(..).enumerate() {
            let name = format!("item {index} of {}", place.name);
            let at = Place {
                pointer: format!("{}/{index}", place.pointer),
                name: &name,
            };
            match self.value(&mut item, &schema["items"], &at) {
                Some(()) => kept.push(item),
                None => self.mistakes.left_out(&place.pointer, index),
            }
        }
        *items = kept;
    }
}

fn resolved<'s>(description: &'s Value, schema: &'s Value) -> &'s Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|target| description.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

fn is_nullable(schema: &Value) -> bool {
    let listed = schema["type"]
        .as_array()
        .is_some_and(|types| types.iter().any(|known| known == "null"));
    listed || alternatives(schema).any(|schema| schema["type"] == "null")
}

fn without_null<'s>(description: &'s Value, schema: &'s Value) -> &'s Value {
    let other = alternatives(schema).find(|schema| schema["type"] != "null");
    other.map_or(schema, |other| resolved(description, other))
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|known| *known != "null"),
        one => one.as_str(),
    }
    .unwrap_or_default()
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    schema["enum"].as_array()
}

fn fits(value: &Value, schema: &Value) -> bool {
    match kind(schema) {
        "string" => match (value.as_str(), choices(schema)) {
            (Some(_), Some(choices)) => choices.contains(value),
            (Some(text), None) => schema["format"] != "date-time" || parse_instant(text).is_some(),
            (None, _) => false,
        },
        "number" => value.is_number(),
        "integer" => {
            let (number, [least, most]) = (whole(value), bounds(schema));
            number.is_some_and(|number| least.is_none_or(|least| least <= number))
                && number.is_some_and(|number| most.is_none_or(|most| number <= most))
        }
        "boolean" => value.is_boolean(),
        _ => true,
    }
}

/// A whole number, which may be written as `1.0`: that is an integer of JSON Schema.
fn whole(value: &Value) -> Option<i128> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() <= MAX_EXACT;
    let is_negative_zero = |number: &f64| *number == 0.0 && number.is_sign_negative();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and at most 2⁵³"
    )]
    let float = || {
        value
            .as_f64()
            .filter(|number| is_whole(number) && !is_negative_zero(number))
            .map(|it| it as i128)
    };
    value
        .as_u64()
        .map(i128::from)
        .or_else(|| value.as_i64().map(i128::from))
        .or_else(float)
}

fn bounds(schema: &Value) -> [Option<i128>; 2] {
    [whole(&schema["minimum"]), whole(&schema["maximum"])]
}

/// What it should be, as a sentence ends.
fn wanted(schema: &Value) -> String {
    let or_null = if is_nullable(schema) { ", or null" } else { "" };
    let what = match (kind(schema), choices(schema)) {
        ("string", Some(choices)) => {
            let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
            format!("one of `{}`", choices.join("`, `"))
        }
        ("string", None) if schema["format"] == "date-time" => {
            "an instant such as `2026-11-22T12:00:00Z`".to_owned()
        }
        ("string", None) => "a text".to_owned(),
        ("number", _) => "a number".to_owned(),
        ("integer", _) => match bounds(schema) {
            [Some(least), Some(most)] => format!("a whole number from {least} to {most}"),
            [Some(least), None] => format!("a whole number from {least} on"),
            [None, Some(most)] => format!("a whole number up to {most}"),
            [None, None] => "a whole number".to_owned(),
        },
        ("boolean", _) => "`true` or `false`".to_owned(),
        ("array", _) => "a list".to_owned(),
        _ => "a JSON object".to_owned(),
    };
    what + or_null
}

fn unknown(name: &str, known: Option<&Map<String, Value>>) -> String {
    let known: Vec<_> = known
        .into_iter()
        .flatten()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    format!("{name} is not known here; known are {}", known.join(", "))
}

/// For a required member that has to be something. A choice would be one that nobody made.
fn stand_in(schema: &Value) -> Option<Value> {
    match kind(schema) {
        "string" if choices(schema).is_none() && schema["format"].is_null() => Some("".into()),
        "number" => Some(0.into()),
        "integer" => bounds(schema)[0]
            .unwrap_or(0)
            .max(0)
            .try_into()
            .ok()
            .map(|number: u64| number.into()),
        "boolean" => Some(false.into()),
        "array" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

#[cfg(test)]
mod described;
#[cfg(test)]
mod tests;
