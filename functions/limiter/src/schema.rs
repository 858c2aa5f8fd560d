//! Checks a document against its JSON Schema, and reports every mistake at once.
//!
//! The schema is the one that clients read (`/_tollgate/openapi.json`), so that the description and
//! the check cannot differ. This checker knows the types, alternatives, fields, lists, enumerations,
//! instants and integer bounds of JSON Schema. Lengths and meaning are checked by the type that reads the
//! document.
//!
//! An invalid value is removed or replaced by a default, so that the type can read and check the
//! rest in the same request. That is why it is not the `jsonschema` crate: it only validates, so a
//! client would get the remaining mistakes one request later, and it has more than 20 dependencies.
//! `serde_path_to_error` stops at the first mistake.

pub(crate) mod mistakes;

mod keywords;

use serde_json::{Map, Value};

use crate::api;
use crate::problem::Mistake;

use keywords::{default, expected, fits, integer, is_nullable, kind, option_for, resolve};
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

        let expected = || expected(self.description, schema);
        let schema = option_for(self.description, schema, value);
        if value.is_null() && !kind(schema).is_empty() {
            let detail = format!("{} is null, expected {}", place.name, expected());
            self.mistakes.add(Mistake::at(&*place.pointer, detail));
            return None;
        }
        if !fits(value, schema) {
            let detail = format!("{} is invalid, expected {}", place.name, expected());
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

#[cfg(test)]
mod described;
#[cfg(test)]
mod tests;
