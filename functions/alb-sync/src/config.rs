//! Settings, read once from the environment.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::reconcile::Settings;
use crate::sync_targets::{self, Group};

/// Everything that can be set. A variable that is wrong ends the start with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `SYNC_TARGETS`: which names the targets of which group and port follow, as JSON. Required.
    pub groups: Vec<Group>,
    /// `USAGE_TABLE`: where the state lives, under `sync#` and the target group's ARN. Required.
    pub usage_table: String,
    /// `MISSES_BEFORE_DEREGISTRATION` (1 to 1000, 3 where absent), `INTERVAL_S` (1 to 86400, 60),
    /// `MAX_DEREGISTRATION_PERCENT` (1 to 100, 50) and `REMOVE_UNTRACKED` (`false`).
    pub settings: Settings,
    /// `MAX_LOOKUPS`, 1 to 1000, 150 where absent: lookups of one name in one run, where its
    /// answers may be parts.
    pub max_lookups: u32,
    /// `DNS_SERVERS`: `ip:port,…`, asked in this order; a port that is left out is 53. The system's
    /// where absent.
    pub dns_servers: Vec<SocketAddr>,
    /// `DNS_TIMEOUT_MS`, 100 to 20000, 3000 where absent: for all lookups of a run together.
    pub dns_timeout: Duration,
    /// `DRY_RUN`: `true` says what a run would do, and does nothing.
    pub dry_run: bool,
    /// `METRICS_NAMESPACE`, `CustomApp/NetworkMetrics` where absent: of the gauges in the log.
    pub namespace: String,
}

/// A setting that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not there.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// Not of its shape.
    #[error("{variable}: {problem}")]
    Shape {
        /// Which.
        variable: &'static str,
        /// What is wrong, and where.
        problem: String,
    },
}

impl Config {
    /// Reads the settings through `lookup`: the environment's in a function, the template's in the
    /// local gateway. Empty ones count as absent.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or wrong.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let lookup =
            |variable: &'static str| lookup(variable).filter(|value| !value.trim().is_empty());
        let required =
            |variable: &'static str| lookup(variable).ok_or(ConfigError::Missing(variable));
        let targets = required("SYNC_TARGETS")?;
        let shape = |problem| ConfigError::Shape {
            variable: "SYNC_TARGETS",
            problem,
        };
        let interval_s = number("INTERVAL_S", lookup("INTERVAL_S"), 60, 1..=86_400)?;
        let misses = "MISSES_BEFORE_DEREGISTRATION";
        let percent = "MAX_DEREGISTRATION_PERCENT";
        Ok(Self {
            groups: sync_targets::parse(&targets).map_err(shape)?,
            usage_table: required("USAGE_TABLE")?,
            settings: Settings {
                misses: number(misses, lookup(misses), 3, 1..=1_000)?,
                interval_ms: i64::from(interval_s) * 1_000,
                max_percent: number(percent, lookup(percent), 50, 1..=100)?,
                remove_untracked: flag("REMOVE_UNTRACKED", lookup("REMOVE_UNTRACKED"))?,
            },
            max_lookups: number("MAX_LOOKUPS", lookup("MAX_LOOKUPS"), 150, 1..=1_000)?,
            dns_servers: servers(lookup("DNS_SERVERS"))?,
            dns_timeout: milliseconds(
                "DNS_TIMEOUT_MS",
                lookup("DNS_TIMEOUT_MS"),
                3_000,
                100..=20_000,
            )?,
            dry_run: flag("DRY_RUN", lookup("DRY_RUN"))?,
            namespace: namespace(lookup("METRICS_NAMESPACE"))?,
        })
    }
}

fn number(
    variable: &'static str,
    value: Option<String>,
    absent: u32,
    range: RangeInclusive<u32>,
) -> Result<u32, ConfigError> {
    let Some(text) = value else { return Ok(absent) };
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number| range.contains(number));
    number.ok_or_else(|| ConfigError::Shape {
        variable,
        problem: format!(
            "`{text}` is not a whole number from {} to {}",
            range.start(),
            range.end()
        ),
    })
}

fn milliseconds(
    variable: &'static str,
    value: Option<String>,
    absent: u32,
    range: RangeInclusive<u32>,
) -> Result<Duration, ConfigError> {
    number(variable, value, absent, range).map(|number| Duration::from_millis(number.into()))
}

fn flag(variable: &'static str, value: Option<String>) -> Result<bool, ConfigError> {
    match value.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(ConfigError::Shape {
            variable,
            problem: format!("`{other}` is neither `true` nor `false`"),
        }),
    }
}

fn servers(value: Option<String>) -> Result<Vec<SocketAddr>, ConfigError> {
    let shape = |problem| ConfigError::Shape {
        variable: "DNS_SERVERS",
        problem,
    };
    let Some(list) = value else {
        return Ok(Vec::new());
    };
    let server = |text: &str| {
        let of_address = || IpAddr::from_str(text).map(|address| SocketAddr::new(address, 53));
        SocketAddr::from_str(text)
            .or_else(|_| of_address())
            .ok()
            .filter(|server| server.port() != 0)
            .ok_or_else(|| {
                shape(format!(
                    "`{text}` is no address of a server, such as `10.0.0.2:53`"
                ))
            })
    };
    let servers = list
        .split(',')
        .map(|text| server(text.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    if servers.len() > 8 {
        return Err(shape("names more than 8 servers".to_owned()));
    }
    Ok(servers)
}

/// As CloudWatch takes it (PutMetricData, "Namespace"); what begins with `AWS/` is Amazon's.
fn namespace(value: Option<String>) -> Result<String, ConfigError> {
    let name = value.unwrap_or_else(|| "CustomApp/NetworkMetrics".to_owned());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#: ".contains(&byte);
    if name.len() <= 255
        && name.bytes().all(known)
        && !name.starts_with("AWS/")
        && !name.starts_with(':')
    {
        return Ok(name);
    }
    Err(ConfigError::Shape {
        variable: "METRICS_NAMESPACE",
        problem: format!("`{name}` is no namespace of one's own"),
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
    fn targets_and_table_are_all_that_has_to_be_set() {
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
    fn servers_are_addresses_with_or_without_a_port() {
        let servers = config(&[("DNS_SERVERS", "10.0.0.2, 127.0.0.1:5353,[fd00::1]:53")])
            .unwrap()
            .dns_servers;
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.2:53", "127.0.0.1:5353", "[fd00::1]:53"]);
    }

    /// Scenario 47.
    #[test]
    fn a_setting_that_cannot_be_ends_the_start_with_its_name() {
        for (variable, value, problem) in [
            ("SYNC_TARGETS", "", "SYNC_TARGETS is not set"),
            ("USAGE_TABLE", " ", "USAGE_TABLE is not set"),
            (
                "MISSES_BEFORE_DEREGISTRATION",
                "0",
                "`0` is not a whole number from 1 to 1000",
            ),
            (
                "MAX_LOOKUPS",
                "0",
                "`0` is not a whole number from 1 to 1000",
            ),
            ("INTERVAL_S", "1.5", "`1.5` is not"),
            (
                "MAX_DEREGISTRATION_PERCENT",
                "101",
                "`101` is not a whole number from 1 to 100",
            ),
            (
                "REMOVE_UNTRACKED",
                "yes",
                "`yes` is neither `true` nor `false`",
            ),
            ("DRY_RUN", "1", "`1` is neither"),
            (
                "DNS_SERVERS",
                "dns.example:53",
                "`dns.example:53` is no address of a server",
            ),
            ("DNS_SERVERS", "10.0.0.2:0", "`10.0.0.2:0` is no address"),
            (
                "DNS_TIMEOUT_MS",
                "99",
                "`99` is not a whole number from 100",
            ),
            (
                "METRICS_NAMESPACE",
                "AWS/NetworkELB",
                "`AWS/NetworkELB` is no namespace of one's own",
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
