//! Reads settings of alb-sync: `SYNC_TARGETS`, the target groups and the names that each follows, and
//! `DNS_SERVERS`.
//!
//! ```
//! let text = r#"[{"name": "internal-a-1.eu-central-1.elb.amazonaws.com", "port": 443,
//!     "target_group_arn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1"}]"#;
//! let groups = sync_targets::parse(text)?;
//! assert_eq!(groups[0].sources[0].port, 443);
//!
//! let error = sync_targets::parse("[]").unwrap_err();
//! assert_eq!(error, "has 0 entries, expected 1 to 100");
//! # Ok::<(), String>(())
//! ```

mod dns_servers;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

pub use dns_servers::{InvalidServers, dns_servers};

/// A VPC has at most 5 CIDR blocks of each family by default, and an entry may list a few VPCs.
const MAX_NETWORKS: usize = 32;

/// Lambda's environment has room for fewer names.
const MAX_NAMES: usize = 100;

const MAX_ARN_BYTES: usize = 512;

/// The longest name, and the longest text between two dots (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// The characters of a value that an error repeats.
const MAX_SHOWN_CHARS: usize = 100;

/// A target group and the names that it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The ARN of the target group.
    pub arn: String,
    /// The names, at least one.
    pub sources: Vec<Source>,
}

/// A name whose addresses become targets on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name in lower case, absolute, without the trailing dot.
    pub name: String,
    /// The port of the targets.
    pub port: u16,
    /// The zone of the targets.
    pub zone: Zone,
    /// The scope of one response. [`ResponseScope::Auto`] only for a load balancer's own name.
    pub scope: ResponseScope,
    /// The CIDR blocks of eligible addresses. Empty for private addresses, and those that Amazon
    /// assigns to VPCs.
    pub networks: Vec<IpNet>,
}

/// The Availability Zone that targets are registered with (RegisterTargets, `TargetDescription`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// No zone, or `all` if ELBv2 rejects that. Addresses outside the group's VPC need `all`.
    #[default]
    Auto,
    /// `all`.
    All,
    /// No zone.
    None,
}

/// The share of a name's addresses that one DNS response contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResponseScope {
    /// All addresses if they are fewer than 8, or else 8 that are chosen anew each time, as Elastic
    /// Load Balancing does. In `SYNC_TARGETS`, `auto` means `part` for other names.
    #[default]
    Auto,
    /// All addresses, however many there are.
    Whole,
    /// Some addresses, as for the reader endpoints of databases and for weighted records.
    Part,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    target_group_arn: String,
    port: u16,
    #[serde(default)]
    availability_zone: Zone,
    #[serde(default)]
    answers: ResponseScope,
    #[serde(default)]
    networks: Vec<String>,
}

/// Parses the list. Entries with the same target group become one [`Group`].
///
/// # Errors
/// A message with the place of the first error, such as `[0].port: …`.
pub fn parse(json: &str) -> Result<Vec<Group>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let entries: Vec<Entry> =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    if entries.is_empty() || entries.len() > MAX_NAMES {
        let count = entries.len();
        return Err(format!("has {count} entries, expected 1 to {MAX_NAMES}"));
    }

    let mut groups: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let in_entry = |problem: String| format!("[{index}].{problem}");
        let (arn, source) = source(entry).map_err(in_entry)?;
        let sources = groups.entry(arn).or_default();
        check_against(sources, &source).map_err(|problem| in_entry(problem.to_owned()))?;
        sources.push(source);
    }

    Ok(groups
        .into_iter()
        .map(|(arn, sources)| Group { arn, sources })
        .collect())
}

/// Checks a name against the earlier names of its group.
fn check_against(earlier: &[Source], source: &Source) -> Result<(), &'static str> {
    let mut on_port = earlier.iter().filter(|other| other.port == source.port);

    if on_port.clone().any(|other| other.name == source.name) {
        return Err("name: duplicate name for this group and port");
    }
    if on_port.any(|other| other.zone != source.zone) {
        return Err("availability_zone: differs from another entry for this group and port");
    }
    Ok(())
}

/// Validates an entry. Returns the ARN of its target group, and its name.
fn source(entry: Entry) -> Result<(String, Source), String> {
    let name = entry.name.trim().trim_end_matches('.').to_ascii_lowercase();
    check_name(&name).map_err(|problem| format!("name: {problem}"))?;

    let arn = entry.target_group_arn;
    if !arn.starts_with("arn:") || !arn.contains("targetgroup/") || arn.len() > MAX_ARN_BYTES {
        return Err("target_group_arn: expected the ARN of a target group".to_owned());
    }
    if entry.port == 0 {
        return Err("port: invalid value 0, expected an integer from 1 to 65535".to_owned());
    }

    let networks = networks(&entry.networks)?;
    let scope = match entry.answers {
        ResponseScope::Auto if !is_load_balancer(&name) => ResponseScope::Part,
        scope => scope,
    };
    Ok((
        arn,
        Source {
            name,
            port: entry.port,
            zone: entry.availability_zone,
            scope,
            networks,
        },
    ))
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("empty, expected a DNS name");
    }
    if name.parse::<IpAddr>().is_ok() {
        return Err("IP address, expected a DNS name");
    }
    if !is_dns_name(name) {
        return Err("invalid DNS name");
    }
    Ok(())
}

/// True for names of letters, digits, hyphens and underscores. hickory-proto accepts more, but links
/// a runtime.
fn is_dns_name(name: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(is_name_byte)
    };
    name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label)
}

/// Returns whether Elastic Load Balancing assigned a name: `NAME.REGION.elb.amazonaws.com` for
/// Application Load Balancers, `NAME.elb.REGION.amazonaws.com` for Network Load Balancers, and the
/// same under `amazonaws.com.cn`.
fn is_load_balancer(name: &str) -> bool {
    let below_aws = name
        .strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"));
    let mut labels = below_aws.into_iter().flat_map(|rest| rest.rsplit('.'));
    let (last, before) = (labels.next(), labels.next());

    (last == Some("elb") && before.is_some()) || (before == Some("elb") && labels.next().is_some())
}

fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    if texts.len() > MAX_NETWORKS {
        let count = texts.len();
        return Err(format!(
            "networks: has {count} entries, expected at most {MAX_NETWORKS}"
        ));
    }

    let networks = texts.iter().enumerate().map(|(index, text)| {
        network(text).ok_or_else(|| {
            format!(
                "networks[{index}]: invalid CIDR block \"{}\", expected one such as 2001:db8::/56",
                text.chars().take(MAX_SHOWN_CHARS).collect::<String>()
            )
        })
    });
    networks.collect()
}

/// Parses a CIDR block. A block whose address has bits beyond its prefix is invalid, because it is
/// usually a typing mistake.
fn network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .filter(|network: &IpNet| network.trunc() == *network)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1";
    const B: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/b/2";

    #[test]
    fn entries_of_the_same_group_are_merged() {
        let json = format!(
            r#"[{{"name":"A.example.","target_group_arn":"{A}","port":443}},
                {{"name":"a.example","target_group_arn":"{B}","port":80,"availability_zone":"all",
                  "networks":["2001:db8::/56"]}},
                {{"name":"b.example","target_group_arn":"{A}","port":443,"availability_zone":"auto"}}]"#
        );
        let groups = parse(&json).unwrap();
        let names = |group: &Group| {
            group
                .sources
                .iter()
                .map(|source| source.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            groups.iter().map(names).collect::<Vec<_>>(),
            [vec!["a.example", "b.example"], vec!["a.example"]]
        );
        assert_eq!(
            (groups[1].arn.as_str(), groups[1].sources[0].zone),
            (B, Zone::All)
        );
        assert_eq!(
            groups[1].sources[0].networks,
            ["2001:db8::/56".parse().unwrap()]
        );
    }

    #[test]
    fn auto_means_part_unless_the_name_is_a_load_balancers() {
        let scope = |name: &str, more: &str| {
            let json =
                format!(r#"[{{"name":"{name}","target_group_arn":"{A}","port":443{more}}}]"#);
            parse(&json).unwrap().remove(0).sources.remove(0).scope
        };
        for (name, expected) in [
            (
                "internal-a-1.eu-central-1.elb.amazonaws.com",
                ResponseScope::Auto,
            ),
            (
                "Internal-A-1.EU-central-1.ELB.amazonaws.com.",
                ResponseScope::Auto,
            ),
            ("a-1.elb.eu-central-1.amazonaws.com", ResponseScope::Auto),
            ("a-1.elb.cn-north-1.amazonaws.com.cn", ResponseScope::Auto),
            (
                "internal-a-1.cn-north-1.elb.amazonaws.com.cn",
                ResponseScope::Auto,
            ),
            (
                "a.cluster-ro-1.eu-central-1.rds.amazonaws.com",
                ResponseScope::Part,
            ),
            ("elb.amazonaws.com.example", ResponseScope::Part),
            ("a.notelb.amazonaws.com", ResponseScope::Part),
            ("elb.amazonaws.com", ResponseScope::Part),
            ("orders.internal", ResponseScope::Part),
        ] {
            assert_eq!(scope(name, ""), expected, "{name}");
            assert_eq!(scope(name, r#","answers":"auto""#), expected, "{name}");
            assert_eq!(
                scope(name, r#","answers":"whole""#),
                ResponseScope::Whole,
                "{name}"
            );
            assert_eq!(
                scope(name, r#","answers":"part""#),
                ResponseScope::Part,
                "{name}"
            );
        }
    }

    #[test]
    fn an_invalid_entry_is_reported_with_its_place() {
        let entry = |name: &str, arn: &str, rest: &str| {
            format!(r#"{{"name":"{name}","target_group_arn":"{arn}"{rest}}}"#)
        };
        let good = entry("a", A, r#","port":1"#);
        for (entries, problem) in [
            (String::new(), "has 0 entries"),
            (
                vec![good.clone(); 101].join(","),
                "has 101 entries, expected 1 to 100",
            ),
            (entry("", A, r#","port":1"#), "[0].name: empty"),
            (entry("10.0.0.1", A, r#","port":1"#), "[0].name: IP address"),
            (
                entry("a..b", A, r#","port":1"#),
                "[0].name: invalid DNS name",
            ),
            (
                entry("https://a.example", A, r#","port":1"#),
                "[0].name: invalid DNS name",
            ),
            (
                entry(&"a".repeat(64), A, r#","port":1"#),
                "[0].name: invalid DNS name",
            ),
            (
                entry(&["a"; 128].join("."), A, r#","port":1"#),
                "[0].name: invalid DNS name",
            ),
            (
                entry("a", "arn:aws:lambda", r#","port":1"#),
                "[0].target_group_arn: expected the ARN",
            ),
            (entry("a", A, r#","port":0"#), "[0].port: invalid value 0"),
            (entry("a", A, r#","port":65536"#), "[0].port: invalid value"),
            (entry("a", A, r#","port":"443""#), "[0].port: invalid type"),
            (entry("a", A, ""), "missing field `port`"),
            (
                entry("a", A, r#","port":1,"az":"all""#),
                "[0].az: unknown field `az`",
            ),
            (
                entry("a", A, r#","port":1,"availability_zone":"eu-central-1a""#),
                "[0].availability_zone: unknown variant",
            ),
            (
                entry(
                    "a",
                    A,
                    r#","port":1,"networks":["10.0.0.0/8","10.0.0.1/8"]"#,
                ),
                r#"[0].networks[1]: invalid CIDR block "10.0.0.1/8", expected one such as"#,
            ),
            (
                entry("a", A, r#","port":1,"networks":["fd00::/129"]"#),
                "[0].networks[0]: invalid CIDR block",
            ),
            (
                entry("a", A, r#","port":1,"answers":"all""#),
                "[0].answers: unknown variant `all`",
            ),
            (
                entry("a", A, r#","port":1,"networks":["fd00::1"]"#),
                "[0].networks[0]: invalid CIDR block",
            ),
            (
                entry(
                    "a",
                    A,
                    &format!(
                        r#","port":1,"networks":[{}]"#,
                        vec![r#""fd00::/8""#; 33].join(",")
                    ),
                ),
                "[0].networks: has 33 entries, expected at most 32",
            ),
            (format!("{good},{good}"), "[1].name: duplicate name"),
            (
                format!(
                    "{good},{}",
                    entry("b", A, r#","port":1,"availability_zone":"all""#)
                ),
                "[1].availability_zone: differs",
            ),
        ] {
            let error = parse(&format!("[{entries}]")).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
        assert!(
            parse(&format!("[{good}] x"))
                .unwrap_err()
                .contains("trailing")
        );
    }
}
