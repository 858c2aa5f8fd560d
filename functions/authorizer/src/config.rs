//! Settings, read once from the environment.

use std::sync::Arc;

use environment::SettingError;
use policy::{Environment, KeyHeader, KeyHeaderError, PolicySource, PolicyTextError};
use usage::{StoreConfig, StoreConfigError};

use crate::{OnBadCredentials, OnThrottle};

/// Everything that can be set. A variable that is wrong ends the start with its name.
#[derive(Debug)]
pub struct Config {
    /// `AUTH_POLICY`: the policy as JSON, or `table:NAME` for the registry's policy of that name.
    /// Required. It may not name another header of API keys than `KEY_HEADER` (default
    /// `x-api-key`).
    pub policy: PolicySource,
    /// `ON_THROTTLE`: `mark` (default) lets a throttled request through with its decision in the
    /// context, `forbid` answers 403.
    pub on_throttle: OnThrottle,
    /// `ON_BAD_CREDENTIALS`: `unauthorized` (default) answers missing and invalid credentials with
    /// 401, `forbid` answers them with 403.
    pub on_bad_credentials: OnBadCredentials,
    /// Where plans, keys and usage are.
    pub store: StoreConfig,
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A missing or invalid variable.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An invalid `KEY_HEADER`.
    #[error("KEY_HEADER: {0}")]
    KeyHeader(#[from] KeyHeaderError),
    /// A policy that cannot be.
    #[error("AUTH_POLICY: {0}")]
    Policy(#[from] PolicyTextError),
    /// A setting of the store.
    #[error(transparent)]
    Store(#[from] StoreConfigError),
}

impl Config {
    /// Reads the settings through `lookup`: the environment of a function.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let lookup = Arc::new(lookup);
        Self::from_lookups(&*lookup, lookup.clone())
    }

    /// The same, with the secrets of the policy looked up elsewhere than the settings: the settings
    /// of the local gateway are those of its template, but secrets are in its own environment.
    ///
    /// # Errors
    /// As [`Self::from_lookup`].
    pub fn from_lookups(
        settings: impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Result<Self, ConfigError> {
        let policy = settings("AUTH_POLICY").ok_or(SettingError::Missing("AUTH_POLICY"))?;
        let key_header = KeyHeader::from_setting(settings("KEY_HEADER"))?;
        let policy = PolicySource::parse(&policy, key_header, environment)?;
        let on_throttle = on_throttle(settings("ON_THROTTLE"))?;
        let on_bad_credentials = on_bad_credentials(settings("ON_BAD_CREDENTIALS"))?;
        let store = StoreConfig::from_lookup(&settings)?;
        Ok(Self {
            policy,
            on_throttle,
            on_bad_credentials,
            store,
        })
    }
}

fn on_throttle(value: Option<String>) -> Result<OnThrottle, SettingError> {
    match value.as_deref() {
        None | Some("mark") => Ok(OnThrottle::Mark),
        Some("forbid") => Ok(OnThrottle::Forbid),
        Some(other) => Err(SettingError::invalid(
            "ON_THROTTLE",
            other,
            "mark or forbid",
        )),
    }
}

fn on_bad_credentials(value: Option<String>) -> Result<OnBadCredentials, SettingError> {
    match value.as_deref() {
        None | Some("unauthorized") => Ok(OnBadCredentials::Unauthorized),
        Some("forbid") => Ok(OnBadCredentials::Forbid),
        Some(other) => Err(SettingError::invalid(
            "ON_BAD_CREDENTIALS",
            other,
            "unauthorized or forbid",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const POLICY: &str = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let settings: HashMap<String, String> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_lookup(move |name| settings.get(name).cloned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_and_the_tables_are_all_that_has_to_be_set() {
        let config = config(&[
            ("AUTH_POLICY", POLICY),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ])
        .unwrap();
        assert_eq!(config.on_throttle, OnThrottle::Mark);
        assert_eq!(config.on_bad_credentials, OnBadCredentials::Unauthorized);
        assert!(
            matches!(config.store, StoreConfig::DynamoDb(tables) if tables.registry_table == "r")
        );
    }

    #[test]
    fn a_policy_may_be_in_the_registry() {
        let settings = [
            ("AUTH_POLICY", "table:edge-1.eu"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ];
        assert_eq!(
            format!("{:?}", config(&settings).unwrap().policy),
            "table:edge-1.eu"
        );
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_place() {
        for (settings, expected) in [
            (&[][..], "AUTH_POLICY is not set"),
            (&[("AUTH_POLICY", POLICY)], "REGISTRY_TABLE is not set"),
            (&[("AUTH_POLICY", "{")], "AUTH_POLICY: "),
            (
                &[(
                    "AUTH_POLICY",
                    r#"{"rules":[{"match":"GET /","auth":"anyone"}]}"#,
                )],
                "AUTH_POLICY: rules[0].auth: unknown value `anyone`",
            ),
            (
                &[("AUTH_POLICY", r#"{"rules":[],"rulez":1}"#)],
                "AUTH_POLICY: rulez: unknown field `rulez`",
            ),
            (
                &[("AUTH_POLICY", r#"{"rules":[]} x"#)],
                "AUTH_POLICY: trailing characters",
            ),
            (
                &[("AUTH_POLICY", "table:")],
                "AUTH_POLICY: `table:` wants a name",
            ),
            (
                &[("AUTH_POLICY", "table:a b")],
                "AUTH_POLICY: `table:` wants a name",
            ),
            (
                &[(
                    "AUTH_POLICY",
                    r#"{"api_keys":{"header":"x-my-key"},"rules":[]}"#,
                )],
                "AUTH_POLICY: api_keys.header: unexpected header `x-my-key`, expected `x-api-key` (KEY_HEADER)",
            ),
            (
                &[("AUTH_POLICY", POLICY), ("KEY_HEADER", "Host")],
                "KEY_HEADER: invalid header name `Host`",
            ),
            (
                &[("AUTH_POLICY", POLICY), ("ON_THROTTLE", "Mark")],
                r#"ON_THROTTLE: invalid value "Mark", expected mark or forbid"#,
            ),
            (
                &[("AUTH_POLICY", POLICY), ("ON_BAD_CREDENTIALS", "403")],
                r#"ON_BAD_CREDENTIALS: invalid value "403", expected unauthorized or forbid"#,
            ),
            (
                &[
                    ("AUTH_POLICY", POLICY),
                    (
                        "EMBEDDED_STORE",
                        r#"{"plans":{"p":{"throttle":{"rate":"1"}}}}"#,
                    ),
                ],
                "EMBEDDED_STORE: plans.p.throttle.rate: ",
            ),
        ] {
            let error = config(settings).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
