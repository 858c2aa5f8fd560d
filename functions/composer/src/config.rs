//! The settings of the function, read once from its environment.

use std::fmt;
use std::sync::Arc;

use aws::ExtraAuthorities;
use composition::ReplacedUrls;
use environment::{SettingError, Variables};
use http::{HeaderValue, Uri};
use outcome::{RateLimitHeaders, RateLimitHeadersError};
use policy::{
    FUNCTION_NAME, KeyHeader, KeyHeaderError, PolicySource, PolicyTextError, UNREAD_SECRET,
};
use store::{StoreConfig, StoreConfigError};

/// The default of `COMPOSITIONS_PREFIX`.
const DEFAULT_PREFIX: &str = "/bff";
/// The prefix of the name of a document in the registry.
const TABLE_PREFIX: &str = "table:";
/// The longest name of a document in the registry, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// The secret of a stack without one.
const NO_ORIGIN_SECRET: HeaderValue = HeaderValue::from_static("-");

/// The settings. An invalid variable aborts startup, and the error names it.
pub struct Config {
    /// `COMPOSITIONS`: the compositions as JSON, or `table:NAME` for a document in the registry.
    /// Required.
    pub(crate) compositions: CompositionsSource,
    /// `COMPOSITIONS_PREFIX`: the path that all compositions are below. Default: `/bff`.
    pub(crate) prefix: String,
    /// `BACKEND_URL`: the URL of the service `default`, if the compositions do not have it.
    pub(crate) default_url: Option<Uri>,
    /// `ORIGIN_SECRET`: the value of `x-tollgate-origin` for services. Default: `-`.
    pub(crate) origin_secret: HeaderValue,
    /// `AUTH_POLICY`: the policy of the authorizer, or `table:NAME` for a policy in the registry.
    /// Required. Its secrets are not read.
    pub(crate) policy: PolicySource,
    /// `KEY_HEADER`: the header with the API key. Default: `x-api-key`.
    pub(crate) key_header: KeyHeader,
    /// `RATE_LIMIT_HEADERS`: the format of the rate-limit headers. Default: `draft10`.
    pub(crate) rate_limit_headers: RateLimitHeaders,
    /// `EXTRA_CA_CERTS`: a PEM file with certificate authorities that calls to services trust in
    /// addition to the system's.
    pub(crate) authorities: ExtraAuthorities,
    /// The store of documents, plans and usage. `None` if no setting names one.
    pub(crate) store: Option<StoreConfig>,
    /// The URLs of services on a developer's machine.
    pub(crate) replaced: Option<ReplacedUrls>,
    /// True in Lambda.
    pub(crate) is_deployed: bool,
}

/// The place of the compositions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CompositionsSource {
    /// The setting contains them.
    Inline(String),
    /// They are in the registry, with this name, and reloaded from there.
    Table(String),
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
    /// `RATE_LIMIT_HEADERS` is invalid.
    #[error("RATE_LIMIT_HEADERS: {0}")]
    RateLimitHeaders(#[from] RateLimitHeadersError),
    /// The policy is invalid.
    #[error("AUTH_POLICY: {0}")]
    Policy(#[from] PolicyTextError),
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
        let variables = Variables::new(&lookup);
        let key_header = KeyHeader::from_setting(lookup("KEY_HEADER"))?;
        let policy = variables.required("AUTH_POLICY")?;
        let policy = PolicySource::parse(&policy, key_header.clone(), Arc::new(unread_secret))?;
        let prefix = variables.optional("COMPOSITIONS_PREFIX");

        Ok(Self {
            compositions: compositions(variables.required("COMPOSITIONS")?)?,
            prefix: prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
            default_url: default_url(variables.optional("BACKEND_URL"))?,
            origin_secret: origin_secret(variables.optional("ORIGIN_SECRET"))?,
            policy,
            key_header,
            rate_limit_headers: RateLimitHeaders::from_setting(lookup("RATE_LIMIT_HEADERS"))?,
            authorities: authorities(variables.optional("EXTRA_CA_CERTS"))?,
            store: store(&lookup)?,
            replaced: None,
            is_deployed: lookup(FUNCTION_NAME).is_some(),
        })
    }

    /// Replaces the URLs of all services, so that a local gateway calls no deployed service.
    pub fn replace_urls(&mut self, urls: ReplacedUrls) {
        self.replaced = Some(urls);
    }
}

/// Only the authorizer reads the secrets of a policy. Rules do not depend on them.
///
/// The authorizer also refuses loopback addresses of issuers in Lambda. The composer calls none,
/// and a local gateway accepts them, so that the variable that Lambda sets counts as not set.
pub(crate) fn unread_secret(name: &str) -> Option<String> {
    (name != FUNCTION_NAME).then(|| UNREAD_SECRET.to_owned())
}

fn compositions(text: String) -> Result<CompositionsSource, SettingError> {
    let Some(name) = text.trim().strip_prefix(TABLE_PREFIX) else {
        return Ok(CompositionsSource::Inline(text));
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_name_byte) {
        return Ok(CompositionsSource::Table(name.to_owned()));
    }

    let problem = format!(
        "`{TABLE_PREFIX}` needs a name of 1 to {MAX_NAME_BYTES} letters, digits, `-`, `_` and `.`"
    );
    Err(SettingError::document("COMPOSITIONS", problem))
}

/// Reads a URL. Its parts are checked together with the URLs of the compositions.
fn default_url(url: Option<String>) -> Result<Option<Uri>, SettingError> {
    let parse = |url: String| {
        let parsed = url.parse();
        parsed.map_err(|_| SettingError::invalid("BACKEND_URL", &url, "an http or https URL"))
    };
    url.map(parse).transpose()
}

fn origin_secret(secret: Option<String>) -> Result<HeaderValue, SettingError> {
    let Some(secret) = secret else {
        return Ok(NO_ORIGIN_SECRET);
    };
    let expected = "visible ASCII characters";
    let mut value = HeaderValue::try_from(secret)
        .ok()
        .filter(|value| value.to_str().is_ok())
        .ok_or_else(|| SettingError::invalid_secret("ORIGIN_SECRET", expected))?;
    value.set_sensitive(true);
    Ok(value)
}

fn authorities(path: Option<String>) -> Result<ExtraAuthorities, SettingError> {
    match path {
        None => Ok(ExtraAuthorities::default()),
        Some(path) => ExtraAuthorities::read("EXTRA_CA_CERTS", &path),
    }
}

/// Reads the settings of the store, if there are any. Compositions that are in the environment and
/// charge nothing need none.
fn store(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<StoreConfig>, StoreConfigError> {
    let is_set = |name: &str| lookup(name).is_some_and(|value| !value.is_empty());
    if !["EMBEDDED_STORE", "REGISTRY_TABLE", "USAGE_TABLE"]
        .into_iter()
        .any(is_set)
    {
        return Ok(None);
    }
    StoreConfig::from_lookup(lookup).map(Some)
}

/// The origin secret is not printed.
impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("compositions", &self.compositions)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const POLICY: &str = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"}]}"#;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let required = [("AUTH_POLICY", POLICY), ("COMPOSITIONS", "{}")];
        let settings: HashMap<&str, &str> = required
            .into_iter()
            .chain(settings.iter().copied())
            .collect();
        Config::from_lookup(|name| settings.get(name).map(|value| (*value).to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn compositions_and_policy_are_the_only_required_settings() {
        let defaults = config(&[]).unwrap();
        assert_eq!(
            defaults.compositions,
            CompositionsSource::Inline("{}".to_owned())
        );
        assert_eq!((&*defaults.prefix, defaults.default_url), ("/bff", None));
        assert_eq!(defaults.origin_secret, "-");
        assert!(defaults.store.is_none() && !defaults.is_deployed);

        let missing = config(&[("COMPOSITIONS", "")]).unwrap_err();
        assert_eq!(missing, "COMPOSITIONS is not set");
    }

    #[test]
    fn documents_can_be_stored_in_the_registry() {
        let config = config(&[
            ("COMPOSITIONS", "table:edge-1.eu"),
            ("AUTH_POLICY", "table:edge"),
            ("REGISTRY_TABLE", "r"),
            ("USAGE_TABLE", "u"),
        ])
        .unwrap();

        assert_eq!(
            config.compositions,
            CompositionsSource::Table("edge-1.eu".to_owned())
        );
        assert!(matches!(config.policy, PolicySource::Table(_)));
        assert!(matches!(config.store, Some(StoreConfig::DynamoDb(_))));
    }

    #[test]
    fn secrets_of_the_policy_are_not_needed() {
        let policy = r#"{"issuers": [{"issuer": "https://a.example", "audiences": ["api"],
            "algorithms": ["HS256"], "secret": "env:TOKEN_SECRET",
            "default_plan": "free"}],
            "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]}"#;
        config(&[("AUTH_POLICY", policy)]).unwrap();
    }

    #[test]
    fn issuers_of_a_local_gateway_may_be_on_this_machine() {
        let policy = r#"{"issuers": [{"issuer": "http://tollgate.local", "audiences": ["api"],
            "jwks_uri": "http://127.0.0.1:3000/keys", "default_plan": "free"}],
            "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]}"#;
        config(&[("AUTH_POLICY", policy)]).unwrap();
    }

    #[test]
    fn error_names_the_invalid_setting() {
        for (name, value, expected) in [
            (
                "COMPOSITIONS",
                "table:a b",
                "COMPOSITIONS: `table:` needs a name",
            ),
            ("AUTH_POLICY", "{", "AUTH_POLICY: "),
            ("BACKEND_URL", "http://a b", "BACKEND_URL: invalid value"),
            (
                "RATE_LIMIT_HEADERS",
                "yes",
                "RATE_LIMIT_HEADERS: unknown value `yes`",
            ),
            (
                "KEY_HEADER",
                "cookie",
                "KEY_HEADER: invalid header name `cookie`",
            ),
            ("REGISTRY_TABLE", "r", "USAGE_TABLE is not set"),
            ("ORIGIN_SECRET", "a\nb", "ORIGIN_SECRET"),
        ] {
            let error = config(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("a\nb"), "{error}");
        }
    }
}
