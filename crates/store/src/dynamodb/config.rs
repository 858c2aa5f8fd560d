//! The store's settings.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::StoreError;

const DEADLINES_MS: std::ops::RangeInclusive<u64> = 10..=10_000;

/// Which tables, and what to do when they do not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// `REGISTRY_TABLE`: plans, keys, policies.
    pub registry_table: String,
    /// `USAGE_TABLE`: usage and state.
    pub usage_table: String,
    /// `DECISION_DEADLINE_MS`, 10 to 10,000, 200 where absent: for a decision's reads and writes
    /// together.
    pub deadline: Duration,
    /// `LOCAL_INSTANCES`, 10 where absent: by how many `on_store_failure: local` divides a limit.
    pub local_instances: NonZeroU32,
}

impl DynamoDbConfig {
    /// Where `DECISION_DEADLINE_MS` is absent.
    pub const DEADLINE: Duration = Duration::from_millis(200);

    /// Reads the settings through `lookup`. Empty ones count as absent.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for the first that is missing or out of range.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        let lookup = |variable: &'static str| lookup(variable).filter(|value| !value.is_empty());
        let table = |variable| {
            lookup(variable).ok_or(StoreError::Setting {
                variable,
                reason: "is not set",
            })
        };
        Ok(Self {
            registry_table: table("REGISTRY_TABLE")?,
            usage_table: table("USAGE_TABLE")?,
            deadline: deadline(lookup("DECISION_DEADLINE_MS"))?,
            local_instances: local_instances(lookup("LOCAL_INSTANCES"))?,
        })
    }
}

fn deadline(value: Option<String>) -> Result<Duration, StoreError> {
    let refuse = || StoreError::Setting {
        variable: "DECISION_DEADLINE_MS",
        reason: "is not 10 to 10000",
    };
    let Some(text) = value else {
        return Ok(DynamoDbConfig::DEADLINE);
    };
    let milliseconds = text
        .parse()
        .ok()
        .filter(|value| DEADLINES_MS.contains(value));
    milliseconds.map(Duration::from_millis).ok_or_else(refuse)
}

fn local_instances(value: Option<String>) -> Result<NonZeroU32, StoreError> {
    let refuse = |_| StoreError::Setting {
        variable: "LOCAL_INSTANCES",
        reason: "is not a whole number above 0",
    };
    value
        .map_or("10".parse(), |text| text.parse())
        .map_err(refuse)
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
    fn what_is_not_set_has_a_default_but_for_the_tables() {
        let config_of_tables = config(&[]).unwrap();
        assert_eq!(config_of_tables.deadline, Duration::from_millis(200));
        assert_eq!(config_of_tables.local_instances.get(), 10);
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
    fn a_setting_out_of_range_is_named() {
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
