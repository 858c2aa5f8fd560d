//! Settings, read once from the environment.

use usage::{DynamoDbConfig, Seeds, SeedsError, StoreError};

/// Everything that can be set. A variable that is wrong ends the start with its name.
#[derive(Debug)]
pub struct Config {
    /// Where plans, keys, policies and usage are.
    pub store: StoreConfig,
}

/// Which store.
#[derive(Debug)]
pub enum StoreConfig {
    /// `EMBEDDED_STORE`: plans and keys as JSON, kept with their usage inside this process. For trying out on one
    /// machine: what is changed is gone with the process.
    Embedded(Seeds),
    /// `REGISTRY_TABLE`, `USAGE_TABLE` and what else [`DynamoDbConfig`] names.
    DynamoDb(DynamoDbConfig),
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not plans and keys.
    #[error("EMBEDDED_STORE: {0}")]
    Seeds(#[from] SeedsError),
    /// A setting of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Config {
    /// Reads the settings through `lookup`: the environment's in a function, the template's in the local gateway.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let store = match lookup("EMBEDDED_STORE") {
            Some(text) => StoreConfig::Embedded(Seeds::parse(&text)?),
            None => StoreConfig::DynamoDb(DynamoDbConfig::from_lookup(&lookup)?),
        };
        Ok(Self { store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let lookup =
            |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn the_tables_or_seeds_are_all_that_has_to_be_set() {
        let tables = config(&[("REGISTRY_TABLE", "r"), ("USAGE_TABLE", "u")]).unwrap();
        assert!(matches!(tables.store, StoreConfig::DynamoDb(tables) if tables.registry_table == "r"));
        assert!(matches!(config(&[("EMBEDDED_STORE", "{}")]).unwrap().store, StoreConfig::Embedded(_)));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        assert_eq!(config(&[]).unwrap_err(), "REGISTRY_TABLE is not set");
        let error = config(&[("EMBEDDED_STORE", r#"{"plans":{"p":{"rate":1}}}"#)]).unwrap_err();
        assert!(error.starts_with("EMBEDDED_STORE: plans.p.rate: unknown field"), "{error}");
    }
}
