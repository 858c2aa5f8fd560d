//! The keywords of JSON Schema that the description uses.

use limits::parse_instant;
use serde_json::Value;

/// Follows a reference.
pub(super) fn resolve<'s>(description: &'s Value, schema: &'s Value) -> &'s Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|target| description.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

pub(super) fn is_nullable(schema: &Value) -> bool {
    let lists_null = schema["type"]
        .as_array()
        .is_some_and(|types| types.iter().any(|kind| kind == "null"));
    lists_null || alternatives(schema).any(|schema| schema["type"] == "null")
}

/// Returns the alternatives that are not null, or the schema itself if it has none.
fn options<'s>(description: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let schema = resolve(description, schema);
    let options: Vec<_> = alternatives(schema)
        .filter(|option| option["type"] != "null")
        .flat_map(|option| options(description, option))
        .collect();

    if options.is_empty() {
        vec![schema]
    } else {
        options
    }
}

/// Returns the alternative whose type the value has, or the first one that is not null.
pub(super) fn option_for<'s>(
    description: &'s Value,
    schema: &'s Value,
    value: &Value,
) -> &'s Value {
    let options = options(description, schema);
    let fitting = options.iter().find(|option| fits(value, option));
    fitting.or(options.first()).copied().unwrap_or(schema)
}

/// Returns the type that is not null, or an empty string.
pub(super) fn kind(schema: &Value) -> &str {
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
pub(super) fn fits(value: &Value, schema: &Value) -> bool {
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
pub(super) fn integer(value: &Value) -> Option<i128> {
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
pub(super) fn expected(description: &Value, schema: &Value) -> String {
    let options = options(description, schema);
    let described: Vec<_> = options.into_iter().map(expected_option).collect();
    let what = described.join(" or ");

    if is_nullable(schema) {
        what + " or null"
    } else {
        what
    }
}

fn expected_option(schema: &Value) -> String {
    match (kind(schema), choices(schema)) {
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
    }
}

/// Returns a value for a missing required field. An enumeration has no neutral value.
pub(super) fn default(schema: &Value) -> Option<Value> {
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
