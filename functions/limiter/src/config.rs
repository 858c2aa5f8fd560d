//! Settings, read once from the environment.

use policy::{KeyHeader, KeyHeaderError};
use usage::{StoreConfig, StoreConfigError};

/// Everything that can be set. A variable that is wrong ends the start with its name.
#[derive(Debug)]
pub struct Config {
    /// `KEY_HEADER`: the header that carries API keys, `x-api-key` by default. A policy may not
    /// name another one.
    pub key_header: KeyHeader,
    /// Where plans, keys, policies and usage are.
    pub store: StoreConfig,
}

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The header of API keys.
    #[error("KEY_HEADER: {0}")]
    KeyHeader(#[from] KeyHeaderError),
    /// A setting of the store.
    #[error(transparent)]
    Store(#[from] StoreConfigError),
}

impl Config {
    /// Reads the settings through `lookup`: the environment's in a function, the template's in the
    /// local gateway.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let key_header = KeyHeader::from_setting(lookup("KEY_HEADER"))?;
        Ok(Self {
            key_header,
            store: StoreConfig::from_lookup(lookup)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| {
            settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn the_tables_or_seeds_are_all_that_has_to_be_set() {
        let tables = config(&[("REGISTRY_TABLE", "r"), ("USAGE_TABLE", "u")]).unwrap();
        assert!(
            matches!(tables.store, StoreConfig::DynamoDb(tables) if tables.registry_table == "r")
        );
        assert!(matches!(
            config(&[("EMBEDDED_STORE", "{}")]).unwrap().store,
            StoreConfig::Embedded(_)
        ));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        assert_eq!(config(&[]).unwrap_err(), "REGISTRY_TABLE is not set");
        let error = config(&[("EMBEDDED_STORE", r#"{"plans":{"p":{"rate":1}}}"#)]).unwrap_err();
        assert!(
            error.starts_with("EMBEDDED_STORE: plans.p.rate: unknown field"),
            "{error}"
        );
        let error = config(&[("EMBEDDED_STORE", "{}"), ("KEY_HEADER", "cookie")]).unwrap_err();
        assert!(
            error.starts_with("KEY_HEADER: invalid header name `cookie`"),
            "{error}"
        );
    }
}
