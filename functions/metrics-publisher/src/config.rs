//! Settings, read once from the environment.

/// The most series that one item of the registry holds: 25 bytes each, of 400 KB.
const MOST_SERIES: usize = 10_000;
/// More services are a mistake.
const MOST_SERVICES: usize = 32;
/// CloudWatch's own limit.
const LONGEST_NAMESPACE: usize = 255;

/// Everything that can be set. A variable that is wrong ends the start with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `METRICS_NAMESPACE`, `CustomApp/NetworkMetrics` where absent: where metrics are published.
    pub namespace: String,
    /// `MAX_SERIES`, 1 to 10,000, 500 where absent: series a day that have a place of their own.
    /// Series that take what overflows, and the two of the publisher itself, come on top: 32 at
    /// most.
    pub max_series: usize,
    /// `USAGE_TABLE`: where instances agree on the series that have a place.
    pub usage_table: String,
    /// `PROBE_SERVICES`, `monitoring,elasticloadbalancing,dynamodb` where absent: the services that
    /// a scheduled event probes, named as their endpoints are.
    pub probe_services: Vec<String>,
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {reason}")]
pub struct ConfigError {
    variable: &'static str,
    reason: &'static str,
}

impl Config {
    /// Where `METRICS_NAMESPACE` is absent.
    pub const NAMESPACE: &str = "CustomApp/NetworkMetrics";
    /// Where `MAX_SERIES` is absent.
    pub const MAX_SERIES: usize = 500;

    /// Reads the settings through `lookup`. Empty ones count as absent.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            namespace: namespace(lookup("METRICS_NAMESPACE"))?,
            max_series: max_series(lookup("MAX_SERIES"))?,
            usage_table: lookup("USAGE_TABLE").ok_or(wrong("USAGE_TABLE", "is not set"))?,
            probe_services: services(lookup("PROBE_SERVICES"))?,
        })
    }
}

const fn wrong(variable: &'static str, reason: &'static str) -> ConfigError {
    ConfigError { variable, reason }
}

/// "Valid characters": PutMetricData, `Namespace`.
fn namespace(value: Option<String>) -> Result<String, ConfigError> {
    const NAME: &str = "METRICS_NAMESPACE";
    let value = value.unwrap_or_else(|| Config::NAMESPACE.to_owned());
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
    if value.starts_with("AWS/") {
        return Err(wrong(
            NAME,
            "begins with `AWS/`, which is for AWS's own metrics",
        ));
    }
    let named =
        !value.starts_with(':') && !value.trim().is_empty() && value.len() <= LONGEST_NAMESPACE;
    if named && value.bytes().all(valid) {
        Ok(value)
    } else {
        Err(wrong(NAME, "is not a namespace"))
    }
}

fn max_series(value: Option<String>) -> Result<usize, ConfigError> {
    let Some(text) = value else {
        return Ok(Config::MAX_SERIES);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=MOST_SERIES).contains(number));
    number.ok_or(wrong("MAX_SERIES", "is not 1 to 10000"))
}

fn services(value: Option<String>) -> Result<Vec<String>, ConfigError> {
    const NAME: &str = "PROBE_SERVICES";
    let value = value.unwrap_or_else(|| "monitoring,elasticloadbalancing,dynamodb".to_owned());
    let mut services: Vec<_> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    let valid =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let named = |name: &String| (1..=63).contains(&name.len()) && name.bytes().all(valid);
    services.sort_unstable();
    services.dedup();
    if services.len() > MOST_SERVICES {
        return Err(wrong(NAME, "has more than 32 services"));
    }
    if services.iter().all(named) {
        Ok(services)
    } else {
        Err(wrong(NAME, "holds something that is no service's name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let all = [&[("USAGE_TABLE", "usage")], settings].concat();
        let lookup = |name: &str| {
            all.iter()
                .rev()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_is_all_that_has_to_be_set() {
        let config_of_table = config(&[("MAX_SERIES", "")]).unwrap();
        assert_eq!(config_of_table.namespace, "CustomApp/NetworkMetrics");
        assert_eq!(config_of_table.max_series, 500);
        assert_eq!(
            config_of_table.probe_services,
            ["dynamodb", "elasticloadbalancing", "monitoring"]
        );
        assert_eq!(
            config(&[("USAGE_TABLE", "")]).unwrap_err(),
            "USAGE_TABLE is not set"
        );
    }

    #[test]
    fn a_namespace_of_aws_is_refused_at_the_start() {
        for (value, reason) in [
            ("AWS/Lambda", "begins with `AWS/`"),
            (":a", "is not a namespace"),
            (" ", "is not a namespace"),
            ("a\u{e9}", "is not a namespace"),
            (&"x".repeat(256), "is not a namespace"),
        ] {
            let error = config(&[("METRICS_NAMESPACE", value)]).unwrap_err();
            assert!(
                error.starts_with(&format!("METRICS_NAMESPACE {reason}")),
                "{error}"
            );
        }
        assert_eq!(
            config(&[("METRICS_NAMESPACE", "Shop/API.v1")])
                .unwrap()
                .namespace,
            "Shop/API.v1"
        );
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        for (variable, value) in [
            ("MAX_SERIES", "0"),
            ("MAX_SERIES", "10001"),
            ("MAX_SERIES", "many"),
            ("PROBE_SERVICES", "monitoring,,dynamodb"),
            ("PROBE_SERVICES", "http://monitoring"),
            (
                "PROBE_SERVICES",
                &(0..33)
                    .map(|number| format!("s{number}"))
                    .collect::<Vec<_>>()
                    .join(","),
            ),
        ] {
            let error = config(&[(variable, value)]).unwrap_err();
            assert!(error.starts_with(variable), "{error}");
        }
        assert_eq!(
            config(&[("PROBE_SERVICES", " ecr.api , sts,sts")])
                .unwrap()
                .probe_services,
            ["ecr.api", "sts"]
        );
    }
}
