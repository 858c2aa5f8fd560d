//! The resource: which program and instance exports.

use environment::{SettingError, Variables};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_semantic_conventions::{SCHEMA_URL, attribute};

use super::Service;
use super::key_values::key_values;

const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const BYTES_PER_MB: i64 = 1_024 * 1_024;

/// Returns the resource. `OTEL_SERVICE_NAME` overrides `OTEL_RESOURCE_ATTRIBUTES`, which overrides
/// the attributes that are known otherwise.
///
/// # Errors
/// [`SettingError`] if `OTEL_RESOURCE_ATTRIBUTES` is invalid.
pub(super) fn resource<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    service: Service<'_>,
) -> Result<Resource, SettingError> {
    let function = variables.optional("AWS_LAMBDA_FUNCTION_NAME");
    let name = function.clone().unwrap_or_else(|| service.name.to_owned());
    let mut attributes = vec![
        KeyValue::new(attribute::SERVICE_NAME, name),
        KeyValue::new(attribute::SERVICE_VERSION, service.version.to_owned()),
        KeyValue::new(attribute::SERVICE_INSTANCE_ID, instance_id()),
    ];
    if let Some(function) = function {
        attributes.extend(of_function(variables, function));
    }

    attributes.extend(custom(variables)?);
    if let Some(name) = variables.optional("OTEL_SERVICE_NAME") {
        attributes.push(KeyValue::new(attribute::SERVICE_NAME, name));
    }
    Ok(Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_schema_url(attributes, SCHEMA_URL)
        .build())
}

/// Returns the attributes of a Lambda function, from the variables that Lambda sets.
fn of_function<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    function: String,
) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(attribute::CLOUD_PROVIDER, "aws"),
        KeyValue::new(attribute::CLOUD_PLATFORM, "aws_lambda"),
        KeyValue::new(attribute::FAAS_NAME, function),
    ];
    for (name, variable) in [
        (attribute::CLOUD_REGION, "AWS_REGION"),
        (attribute::FAAS_VERSION, "AWS_LAMBDA_FUNCTION_VERSION"),
        (attribute::FAAS_INSTANCE, "AWS_LAMBDA_LOG_STREAM_NAME"),
    ] {
        if let Some(value) = variables.optional(variable) {
            attributes.push(KeyValue::new(name, value));
        }
    }

    let memory = variables.optional("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    if let Some(megabytes) = memory.and_then(|memory| memory.parse::<i64>().ok()) {
        let bytes = megabytes.saturating_mul(BYTES_PER_MB);
        attributes.push(KeyValue::new(attribute::FAAS_MAX_MEMORY, bytes));
    }
    attributes
}

fn custom<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
) -> Result<Vec<KeyValue>, SettingError> {
    let Some(list) = variables.optional(ATTRIBUTES) else {
        return Ok(Vec::new());
    };

    let expected = "key=value pairs, separated by commas, with percent-encoded values";
    let pairs =
        key_values(&list).ok_or_else(|| SettingError::invalid_secret(ATTRIBUTES, expected))?;
    Ok(pairs
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value))
        .collect())
}

/// Returns a random UUID (version 4), so that the counters of two instances are not mixed up.
fn instance_id() -> String {
    let random = fastrand::u128(..);
    let version_4 = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{version_4:032x}");

    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_id_is_a_version_4_uuid() {
        for _ in 0..100 {
            let id = instance_id();
            assert_eq!(id.len(), 36, "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }
}
