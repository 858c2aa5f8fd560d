//! Settings, read once from the environment.

use outcome::{RateLimitHeaders, RateLimitHeadersError};
use policy::{KeyHeader, KeyHeaderError, stored_policy_name};
use store::{StoreConfig, StoreConfigError};

use crate::compositions::ComposerSettings;

/// The settings of the function. An invalid one aborts startup, and the error names the variable.
#[derive(Debug)]
pub struct Config {
    /// `KEY_HEADER`: the header with the API key. Default: `x-api-key`. A policy must not name
    /// another one.
    pub key_header: KeyHeader,
    /// The store of plans, keys, policies and usage.
    pub store: StoreConfig,
    /// The policy of the registry that the authorizer uses, if `AUTH_POLICY` is `table:NAME`. An
    /// authorizer refuses to start with an invalid value, so any other value is ignored here.
    pub policy_in_use: Option<String>,
    /// The composer of the stack, from `COMPOSITIONS_PREFIX` and `COMPOSITIONS`.
    pub composer: ComposerSettings,
    /// `RATE_LIMIT_HEADERS`: the format of the rate-limit headers. Default: `draft10`.
    pub rate_limit_headers: RateLimitHeaders,
}

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `KEY_HEADER` is invalid.
    #[error("KEY_HEADER: {0}")]
    KeyHeader(#[from] KeyHeaderError),
    /// `RATE_LIMIT_HEADERS` is invalid.
    #[error("RATE_LIMIT_HEADERS: {0}")]
    RateLimitHeaders(#[from] RateLimitHeadersError),
    /// A setting of the store is missing or invalid.
    #[error(transparent)]
    Store(#[from] StoreConfigError),
}

impl Config {
    /// Reads the settings. `lookup` returns the value of an environment variable; the local gateway
    /// takes the values from the template.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let key_header = KeyHeader::from_setting(lookup("KEY_HEADER"))?;
        let setting = lookup("AUTH_POLICY").unwrap_or_default();
        Ok(Self {
            key_header,
            rate_limit_headers: RateLimitHeaders::from_setting(lookup("RATE_LIMIT_HEADERS"))?,
            policy_in_use: stored_policy_name(&setting).map(str::to_owned),
            composer: ComposerSettings::from_lookup(&lookup),
            store: StoreConfig::from_lookup(lookup)?,
        })
    }
}

impl ComposerSettings {
    /// Reads the settings. `COMPOSITIONS_PREFIX` is absent if the stack has no composer.
    /// `COMPOSITIONS` is read only if it is `table:NAME`.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let compositions = lookup("COMPOSITIONS").unwrap_or_default();
        let prefix = lookup("COMPOSITIONS_PREFIX").filter(|prefix| !prefix.is_empty());
        Self {
            prefix: prefix.map(Into::into),
            in_use: stored_policy_name(&compositions).map(Into::into),
        }
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
    fn tables_or_seeds_are_the_only_required_settings() {
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
    fn only_the_name_of_a_stored_composition_is_read() {
        for (compositions, prefix, expected) in [
            ("table:mobile", "/bff", (Some("mobile"), Some("/bff"))),
            (r#"{"routes":{}}"#, "/api", (None, Some("/api"))),
            ("", "", (None, None)),
        ] {
            let settings = [
                ("EMBEDDED_STORE", "{}"),
                ("COMPOSITIONS", compositions),
                ("COMPOSITIONS_PREFIX", prefix),
            ];
            let composer = config(&settings).unwrap().composer;
            let found = (composer.in_use.as_deref(), composer.prefix.as_deref());
            assert_eq!(found, expected, "{compositions}");
        }
    }

    #[test]
    fn error_names_the_invalid_setting() {
        assert_eq!(config(&[]).unwrap_err(), "REGISTRY_TABLE is not set");

        let error = config(&[("EMBEDDED_STORE", r#"{"plans":{"p":{"rate":1}}}"#)]).unwrap_err();
        assert!(
            error.starts_with("EMBEDDED_STORE: plans.p.rate: unknown field"),
            "{error}"
        );

        let settings = [("EMBEDDED_STORE", "{}"), ("RATE_LIMIT_HEADERS", "yes")];
        let error = config(&settings).unwrap_err();
        assert!(
            error.starts_with("RATE_LIMIT_HEADERS: unknown value `yes`"),
            "{error}"
        );

        let error = config(&[("EMBEDDED_STORE", "{}"), ("KEY_HEADER", "cookie")]).unwrap_err();
        assert!(
            error.starts_with("KEY_HEADER: invalid header name `cookie`"),
            "{error}"
        );
    }
}
