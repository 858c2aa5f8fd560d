//! The settings of the function, read once from its environment.

use std::sync::Arc;

use aws::ExtraAuthorities;
use environment::SettingError;
use policy::{Environment, KeyHeader, KeyHeaderError, PolicySource, PolicyTextError};
use store::{StoreConfig, StoreConfigError};

/// The settings. An invalid variable aborts startup, and the error names it.
#[derive(Debug)]
pub struct Config {
    /// `AUTH_POLICY`: the policy as JSON, or `table:NAME` for a policy in the registry. Required.
    /// If the policy names the header of API keys, it must be `KEY_HEADER` (default `x-api-key`).
    pub(crate) policy: PolicySource,
    /// `ON_THROTTLE`: `mark` (default) allows a throttled request with its decision in the context,
    /// `forbid` refuses it with 403.
    pub(crate) on_throttle: OnThrottle,
    /// `ON_BAD_CREDENTIALS`: `unauthorized` (default) refuses missing and invalid credentials with
    /// 401, `forbid` with 403.
    pub(crate) on_bad_credentials: OnBadCredentials,
    /// `LOG_DECISIONS`: `refusals` (default) logs every decision except plain allowed ones, `all` logs
    /// all of them.
    pub(crate) log_decisions: LogDecisions,
    /// `EXTRA_CA_CERTS`: a PEM file with certificate authorities that calls to issuers and
    /// authorization servers trust in addition to the system's.
    pub authorities: ExtraAuthorities,
    /// The store of plans, keys and usage.
    pub store: StoreConfig,
}

/// The response to a throttled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnThrottle {
    /// The request is allowed and marked, so that a listener rule responds to it.
    Mark,
    /// 403.
    Forbid,
}

/// The response to a request without valid credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnBadCredentials {
    /// 401, by the error `Unauthorized`.
    Unauthorized,
    /// 403.
    Forbid,
}

/// The decisions that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogDecisions {
    /// Every decision except plain allowed ones, which the access log of the API contains too.
    Refusals,
    /// Every decision.
    All,
}

/// The settings that determine how decisions appear to API Gateway and in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseSettings {
    pub(crate) on_throttle: OnThrottle,
    pub(crate) on_bad_credentials: OnBadCredentials,
    pub(crate) log_decisions: LogDecisions,
}

/// A setting that is missing or invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `KEY_HEADER` is invalid.
    #[error("KEY_HEADER: {0}")]
    KeyHeader(#[from] KeyHeaderError),
    /// The policy is invalid.
    #[error("AUTH_POLICY: {0}")]
    Policy(#[from] PolicyTextError),
    /// A setting of the store is missing or invalid.
    #[error(transparent)]
    Store(#[from] StoreConfigError),
}

impl Config {
    /// Reads the settings through `lookup`, which returns the value of an environment variable.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let lookup = Arc::new(lookup);
        Self::from_lookups(&*lookup, lookup.clone())
    }

    /// Reads the settings through `settings`. The secrets of the policy and the path of extra
    /// certificate authorities are read through `environment`.
    ///
    /// The local gateway takes settings from its template, and the others from its own environment.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookups(
        settings: impl Fn(&str) -> Option<String>,
        environment: Environment,
    ) -> Result<Self, ConfigError> {
        let policy = settings("AUTH_POLICY").ok_or(SettingError::Missing("AUTH_POLICY"))?;
        let key_header = KeyHeader::from_setting(settings("KEY_HEADER"))?;
        let authorities = authorities(environment("EXTRA_CA_CERTS"))?;
        let policy = PolicySource::parse(&policy, key_header, environment)?;
        let on_throttle = on_throttle(settings("ON_THROTTLE"))?;
        let on_bad_credentials = on_bad_credentials(settings("ON_BAD_CREDENTIALS"))?;
        let log_decisions = log_decisions(settings("LOG_DECISIONS"))?;
        let store = StoreConfig::from_lookup(&settings)?;

        Ok(Self {
            policy,
            on_throttle,
            on_bad_credentials,
            log_decisions,
            authorities,
            store,
        })
    }

    pub(crate) fn responses(&self) -> ResponseSettings {
        ResponseSettings {
            on_throttle: self.on_throttle,
            on_bad_credentials: self.on_bad_credentials,
            log_decisions: self.log_decisions,
        }
    }
}

fn authorities(path: Option<String>) -> Result<ExtraAuthorities, SettingError> {
    match path.as_deref() {
        None | Some("") => Ok(ExtraAuthorities::default()),
        Some(path) => ExtraAuthorities::read("EXTRA_CA_CERTS", path),
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

fn log_decisions(value: Option<String>) -> Result<LogDecisions, SettingError> {
    match value.as_deref() {
        None | Some("refusals") => Ok(LogDecisions::Refusals),
        Some("all") => Ok(LogDecisions::All),
        Some(other) => Err(SettingError::invalid(
            "LOG_DECISIONS",
            other,
            "refusals or all",
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
    fn only_the_policy_and_the_tables_are_required() {
        let config = config(&[
            ("AUTH_POLICY", POLICY),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ])
        .unwrap();
        assert_eq!(config.on_throttle, OnThrottle::Mark);
        assert_eq!(config.on_bad_credentials, OnBadCredentials::Unauthorized);
        assert_eq!(config.log_decisions, LogDecisions::Refusals);
        assert!(
            matches!(config.store, StoreConfig::DynamoDb(tables) if tables.registry_table == "r")
        );
    }

    #[test]
    fn a_policy_can_be_stored_in_the_registry() {
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
    fn an_invalid_setting_is_named_with_its_position() {
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
                "AUTH_POLICY: `table:` needs a name",
            ),
            (
                &[("AUTH_POLICY", "table:a b")],
                "AUTH_POLICY: `table:` needs a name",
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
