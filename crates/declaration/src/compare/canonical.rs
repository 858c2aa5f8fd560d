//! One form for documents that mean the same.

use limits::{PlanDocument, instant_text, parse_instant};
use serde_json::{Map, Number, Value};

use addresses::Network;

/// The default of a plan's `near_limit`.
const DEFAULT_NEAR_LIMIT: f64 = 0.8;
/// The prefix of secrets for keys without `prefix`.
const DEFAULT_PREFIX: &str = "tg_";
/// The fields of a key that a file has. The others are read-only.
const KEY_FIELDS: [&str; 12] = [
    "name",
    "plan",
    "group",
    "enabled",
    "description",
    "subject",
    "scopes",
    "allowed_ips",
    "not_before",
    "expires_at",
    "prefix",
    "metadata",
];
/// The largest whole number that a float represents without gaps.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Returns a plan in the form in which the API stores it in place of `stored`. A plan of another
/// release stays as it is.
pub(super) fn canonical_plan(document: &Value, stored: Option<&Value>) -> Value {
    let read = |value: &Value| serde_json::from_value::<PlanDocument>(value.clone()).ok();
    let before = stored.and_then(read);
    let canonical = read(document).map(|plan| plan.stored(before.as_ref()));
    let canonical = canonical.and_then(|plan| serde_json::to_value(plan).ok());
    canonical.map_or_else(
        || canonical_numbers(document),
        |plan| canonical_numbers(&plan),
    )
}

/// Returns a plan without fields that have their default value.
pub(super) fn without_defaults(plan: &Value) -> Value {
    let mut plan = plan.clone();
    if let Some(fields) = plan.as_object_mut() {
        fields.retain(|field, value| {
            field != "near_limit" || value.as_f64() != Some(DEFAULT_NEAR_LIMIT)
        });
    }

    let quotas = plan.get_mut("quotas").and_then(Value::as_array_mut);
    for quota in quotas
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        let period = quota.get("period").cloned();
        quota.retain(|field, value| match field.as_str() {
            "name" => Some(&*value) != period.as_ref(),
            "starts_on" => *value != 1,
            _ => true,
        });
    }
    plan
}

/// Returns a value in which whole numbers have no fraction: `10.0` becomes `10`.
pub(super) fn canonical_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(canonical_number(number)),
        Value::Array(items) => items.iter().map(canonical_numbers).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.clone(), canonical_numbers(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn canonical_number(number: &Number) -> Number {
    let whole = number
        .as_f64()
        .filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= MAX_WHOLE);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number is whole and fits"
    )]
    whole.map_or_else(|| number.clone(), |float| Number::from(float as i64))
}

/// Returns the fields of a key that a file declares: without read-only fields, without the id, and
/// without fields that have their default value.
#[must_use]
pub fn declared_fields(key: &Map<String, Value>) -> Map<String, Value> {
    let present = KEY_FIELDS
        .iter()
        .filter_map(|field| key.get_key_value(*field));
    let canonical = present.map(|(field, value)| (field.clone(), canonical_field(field, value)));
    canonical
        .filter(|(field, value)| !is_default(field, value))
        .collect()
}

fn canonical_field(field: &str, value: &Value) -> Value {
    match field {
        "expires_at" | "not_before" => {
            let instant = value.as_str().and_then(parse_instant);
            instant.map_or_else(|| value.clone(), |instant| instant_text(instant).into())
        }
        "allowed_ips" => canonical_networks(value),
        _ => value.clone(),
    }
}

/// Returns networks as the API writes them, without duplicates.
fn canonical_networks(value: &Value) -> Value {
    let mut networks: Vec<Value> = Vec::new();
    for text in value.as_array().into_iter().flatten() {
        let network = text.as_str().and_then(|text| text.parse::<Network>().ok());
        let network = network.map_or_else(|| text.clone(), |network| network.to_string().into());
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    networks.into()
}

fn is_default(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => field == "enabled" && *value,
        Value::String(text) => field == "prefix" && text == DEFAULT_PREFIX,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Number(_) => false,
    }
}
