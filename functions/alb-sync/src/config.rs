//! Settings, read from the environment at startup.

use std::net::SocketAddr;
use std::time::Duration;

use environment::{SettingError, Variables};
use sync_targets::{Group, InvalidServers};

use crate::reconcile::Settings;

/// All settings. An invalid variable aborts startup with an error that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `SYNC_TARGETS`: the target groups, and the names that each follows, as JSON. Required.
    pub(crate) groups: Vec<Group>,
    /// `USAGE_TABLE`: the table of the state. Its partition key is `sync#` and the target group's
    /// ARN. Required.
    pub usage_table: String,
    /// `MISSES_BEFORE_DEREGISTRATION` (1 to 1000, default 3), `INTERVAL_S` (1 to 86400, default
    /// 60), `MAX_DEREGISTRATION_PERCENT` (1 to 100, default 50) and `REMOVE_UNTRACKED` (default
    /// `false`).
    pub settings: Settings,
    /// `MAX_LOOKUPS`: the maximum number of queries per name and run, 1 to 1000, default 150.
    pub max_lookups: u32,
    /// `DNS_SERVERS`: up to 8 name servers as `ip:port,…`, tried in this order. The default port
    /// is 53. The default servers are the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// `DNS_TIMEOUT_MS`: the time limit of all lookups of a run together, 100 to 20000, default
    /// 3000.
    pub dns_timeout: Duration,
    /// `DRY_RUN`: `true` reports what a run would change, and changes nothing.
    pub dry_run: bool,
    /// `METRICS_NAMESPACE`: the namespace of the gauges in the log. The default is
    /// `CustomApp/NetworkMetrics`.
    pub namespace: String,
}

impl Config {
    /// Reads the settings through `lookup`: the environment of a function, or the template in the
    /// local gateway. Blank values count as missing.
    ///
    /// # Errors
    /// [`SettingError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let lookup = |variable: &str| lookup(variable).filter(|value| !value.trim().is_empty());
        let variables = Variables::new(lookup);

        let targets = variables.required("SYNC_TARGETS")?;
        let groups = sync_targets::parse(&targets)
            .map_err(|problem| SettingError::document("SYNC_TARGETS", problem))?;
        let interval_s = variables.number("INTERVAL_S", 60, 1..=86_400)?;
        let settings = Settings {
            misses: variables.number("MISSES_BEFORE_DEREGISTRATION", 3, 1..=1_000)?,
            interval_ms: interval_s * 1_000,
            max_percent: variables.number("MAX_DEREGISTRATION_PERCENT", 50, 1..=100)?,
            remove_untracked: variables.flag("REMOVE_UNTRACKED")?,
        };

        Ok(Self {
            groups,
            usage_table: variables.required("USAGE_TABLE")?,
            settings,
            max_lookups: variables.number("MAX_LOOKUPS", 150, 1..=1_000)?,
            dns_servers: dns_servers(&variables)?,
            dns_timeout: variables.milliseconds("DNS_TIMEOUT_MS", 3_000, 100..=20_000)?,
            dry_run: variables.flag("DRY_RUN")?,
            namespace: variables.namespace("METRICS_NAMESPACE", "CustomApp/NetworkMetrics")?,
        })
    }
}

fn dns_servers(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
) -> Result<Vec<SocketAddr>, SettingError> {
    let Some(list) = variables.optional("DNS_SERVERS") else {
        return Ok(Vec::new());
    };
    sync_targets::dns_servers(&list).map_err(|InvalidServers { text, expected }| {
        SettingError::invalid("DNS_SERVERS", &text, expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str =
        r#"[{"name":"a.example","target_group_arn":"arn:aws:x:targetgroup/a/1","port":443}]"#;

    fn config(settings: &[(&str, &str)]) -> Result<Config, String> {
        let all = [&[("SYNC_TARGETS", TARGETS), ("USAGE_TABLE", "u")], settings].concat();
        let lookup = |name: &str| {
            all.iter()
                .rev()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Config::from_lookup(lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn only_targets_and_table_are_required() {
        let config = config(&[]).unwrap();
        assert_eq!(
            (
                config.settings.misses,
                config.settings.interval_ms,
                config.max_lookups
            ),
            (3, 60_000, 150)
        );
        assert_eq!(
            (
                config.settings.max_percent,
                config.settings.remove_untracked,
                config.dry_run
            ),
            (50, false, false)
        );
        assert_eq!(
            (config.dns_timeout, config.dns_servers),
            (Duration::from_secs(3), vec![])
        );
        assert_eq!(config.namespace, "CustomApp/NetworkMetrics");
    }

    #[test]
    fn name_servers_have_an_optional_port() {
        let servers = config(&[("DNS_SERVERS", "10.0.0.2, 127.0.0.1:5353,[fd00::1]:53")])
            .unwrap()
            .dns_servers;
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.2:53", "127.0.0.1:5353", "[fd00::1]:53"]);
    }

    #[test]
    fn an_invalid_setting_aborts_startup_with_its_name() {
        for (variable, value, problem) in [
            ("SYNC_TARGETS", "", "SYNC_TARGETS is not set"),
            ("USAGE_TABLE", " ", "USAGE_TABLE is not set"),
            (
                "MISSES_BEFORE_DEREGISTRATION",
                "0",
                "invalid value \"0\", expected an integer from 1 to 1000",
            ),
            (
                "MAX_LOOKUPS",
                "0",
                "invalid value \"0\", expected an integer from 1 to 1000",
            ),
            (
                "INTERVAL_S",
                "1.5",
                "invalid value \"1.5\", expected an integer",
            ),
            (
                "MAX_DEREGISTRATION_PERCENT",
                "101",
                "invalid value \"101\", expected an integer from 1 to 100",
            ),
            (
                "REMOVE_UNTRACKED",
                "yes",
                "invalid value \"yes\", expected true or false",
            ),
            ("DRY_RUN", "1", "invalid value \"1\""),
            (
                "DNS_SERVERS",
                "dns.example:53",
                "invalid value \"dns.example:53\", expected an address",
            ),
            ("DNS_SERVERS", "10.0.0.2:0", "invalid value \"10.0.0.2:0\""),
            (
                "DNS_TIMEOUT_MS",
                "99",
                "invalid value \"99\", expected an integer from 100 to 20000",
            ),
            (
                "METRICS_NAMESPACE",
                "AWS/NetworkELB",
                "invalid value \"AWS/NetworkELB\", expected a CloudWatch namespace",
            ),
        ] {
            let error = config(&[(variable, value)]).expect_err(variable);
            assert!(
                error.starts_with(variable) && error.contains(problem),
                "{error}"
            );
        }
    }
}
