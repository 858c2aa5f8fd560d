//! Settings, read from the environment at startup.

use environment::{SettingError, Variables};

/// An item of the series registry has room for this many: 25 bytes each, of DynamoDB's 400 KB.
const MAX_REGISTERED_SERIES: usize = 10_000;
const MAX_PROBE_SERVICES: usize = 32;
const MAX_SERVICE_NAME_BYTES: usize = 63;

/// All settings. An invalid variable aborts startup with an error that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `METRICS_NAMESPACE`: the CloudWatch namespace of the metrics. The default is
    /// `CustomApp/NetworkMetrics`.
    pub namespace: String,
    /// `MAX_SERIES`: the maximum number of series per day that are published by their own names,
    /// 1 to 10,000, default 500. Overflow series and the publisher's own ones add up to 64 more.
    pub max_series: usize,
    /// `USAGE_TABLE`: the table in which instances agree on the series of a day. Required.
    pub usage_table: String,
    /// `PROBE_SERVICES`: the AWS services that a scheduled event probes, by the names of their
    /// endpoints. The default is none.
    pub probe_services: Vec<String>,
    /// `THRESHOLD_EVENTS`: true if log lines about thresholds are sent to EventBridge. The default
    /// is false.
    pub threshold_events: bool,
    /// `PUBLISH_ONCE`: true if each delivery is claimed in `USAGE_TABLE`, so that it is counted at
    /// most once. The default is false.
    pub publish_once: bool,
}

impl Config {
    /// The default of `METRICS_NAMESPACE`.
    pub const DEFAULT_NAMESPACE: &str = "CustomApp/NetworkMetrics";
    /// The default of `MAX_SERIES`.
    pub const DEFAULT_MAX_SERIES: usize = 500;

    /// Reads the settings through `lookup`. Empty values count as missing.
    ///
    /// # Errors
    /// [`SettingError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let variables = Variables::new(lookup);

        Ok(Self {
            namespace: variables.namespace("METRICS_NAMESPACE", Self::DEFAULT_NAMESPACE)?,
            max_series: variables.number(
                "MAX_SERIES",
                Self::DEFAULT_MAX_SERIES,
                1..=MAX_REGISTERED_SERIES,
            )?,
            usage_table: variables.required("USAGE_TABLE")?,
            probe_services: probe_services(variables.optional("PROBE_SERVICES"))?,
            threshold_events: variables.flag("THRESHOLD_EVENTS")?,
            publish_once: variables.flag("PUBLISH_ONCE")?,
        })
    }
}

fn probe_services(value: Option<String>) -> Result<Vec<String>, SettingError> {
    const VARIABLE: &str = "PROBE_SERVICES";
    let Some(value) = value else {
        return Ok(Vec::new());
    };

    let mut services: Vec<_> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    services.sort_unstable();
    services.dedup();

    if services.len() > MAX_PROBE_SERVICES {
        let expected = format!("at most {MAX_PROBE_SERVICES} services");
        return Err(SettingError::invalid(VARIABLE, &value, expected));
    }
    match services.iter().find(|name| !is_service_name(name)) {
        Some(name) => Err(SettingError::invalid(
            VARIABLE,
            name,
            "a service name such as monitoring",
        )),
        None => Ok(services),
    }
}

fn is_service_name(name: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);

    (1..=MAX_SERVICE_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed)
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
    fn only_the_table_is_required() {
        let config_with_table = config(&[("MAX_SERIES", "")]).unwrap();
        assert_eq!(config_with_table.namespace, "CustomApp/NetworkMetrics");
        assert_eq!(config_with_table.max_series, 500);
        assert!(config_with_table.probe_services.is_empty());
        assert_eq!(
            config(&[("USAGE_TABLE", "")]).unwrap_err(),
            "USAGE_TABLE is not set"
        );
    }

    #[test]
    fn a_namespace_of_aws_aborts_startup() {
        for value in ["AWS/Lambda", ":a", " ", "a\u{e9}", &"x".repeat(256)] {
            let error = config(&[("METRICS_NAMESPACE", value)]).unwrap_err();
            assert_eq!(
                error,
                format!(
                    "METRICS_NAMESPACE: invalid value {value:?}, expected a CloudWatch namespace \
                     of at most 255 characters that does not begin with `AWS/` or `:`"
                )
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
    fn an_invalid_setting_aborts_startup_with_its_name() {
        for (variable, value) in [
            ("MAX_SERIES", "0"),
            ("MAX_SERIES", "10001"),
            ("MAX_SERIES", "many"),
            ("THRESHOLD_EVENTS", "maybe"),
            ("PUBLISH_ONCE", "once"),
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
