//! The settings of the DynamoDB store.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use environment::{SettingError, Variables};

const DEFAULT_DEADLINE_MS: u64 = 200;
const DEADLINE_RANGE_MS: RangeInclusive<u64> = 10..=10_000;
const DEFAULT_LOCAL_INSTANCES: NonZeroU32 = match NonZeroU32::new(10) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};

/// The tables, and the behavior if they do not respond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// `REGISTRY_TABLE`: plans, keys and policies. Required.
    pub registry_table: String,
    /// `USAGE_TABLE`: usage and state. Required.
    pub usage_table: String,
    /// `DECISION_DEADLINE_MS`: the time limit of all reads and writes of a decision, 10 to 10,000,
    /// default 200.
    pub deadline: Duration,
    /// `LOCAL_INSTANCES`: the divisor of limits under `on_store_failure: local`, default 10.
    pub local_instances: NonZeroU32,
}

impl DynamoDbConfig {
    /// The default of `DECISION_DEADLINE_MS`.
    pub const DEADLINE: Duration = Duration::from_millis(DEFAULT_DEADLINE_MS);

    /// Reads the settings through `lookup`. Empty values count as missing.
    ///
    /// # Errors
    /// [`SettingError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let variables = Variables::new(lookup);

        Ok(Self {
            registry_table: variables.required("REGISTRY_TABLE")?,
            usage_table: variables.required("USAGE_TABLE")?,
            deadline: variables.milliseconds(
                "DECISION_DEADLINE_MS",
                DEFAULT_DEADLINE_MS,
                DEADLINE_RANGE_MS,
            )?,
            local_instances: variables.number(
                "LOCAL_INSTANCES",
                DEFAULT_LOCAL_INSTANCES,
                NonZeroU32::MIN..=NonZeroU32::MAX,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<DynamoDbConfig, String> {
        let all = [&[("REGISTRY_TABLE", "r"), ("USAGE_TABLE", "u")], settings].concat();
        let lookup = |name: &str| {
            all.iter()
                .rev()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        DynamoDbConfig::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_tables_are_required() {
        let config_with_tables = config(&[]).unwrap();
        assert_eq!(config_with_tables.deadline, Duration::from_millis(200));
        assert_eq!(config_with_tables.local_instances.get(), 10);
        assert_eq!(
            config(&[("USAGE_TABLE", "")]).unwrap_err(),
            "USAGE_TABLE is not set"
        );
        assert_eq!(
            config(&[("REGISTRY_TABLE", "")]).unwrap_err(),
            "REGISTRY_TABLE is not set"
        );
    }

    #[test]
    fn an_invalid_setting_is_an_error_that_names_it() {
        for (variable, value) in [
            ("DECISION_DEADLINE_MS", "9"),
            ("DECISION_DEADLINE_MS", "10001"),
            ("DECISION_DEADLINE_MS", "-1"),
            ("DECISION_DEADLINE_MS", "soon"),
            ("LOCAL_INSTANCES", "0"),
            ("LOCAL_INSTANCES", "1.5"),
        ] {
            let error = config(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(variable), "{error}");
        }
    }
}
