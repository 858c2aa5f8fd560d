//! `SYNC_TARGETS`: which names the targets of which group follow.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hickory_resolver::proto::rr::Name;
use ipnet::IpNet;
use serde::Deserialize;
use telemetry::Excerpt;

/// A VPC has at most 5 CIDR blocks of each family by default; a few VPCs may be listed.
const MAX_NETWORKS: usize = 32;

/// More names than this are a mistake; Lambda's environment has room for fewer.
const MAX_NAMES: usize = 100;

/// One target group with the names that it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// What it follows; one at least.
    pub sources: Vec<Source>,
}

/// One name, whose addresses become targets on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// In lower case, absolute, without the last dot.
    pub name: String,
    /// The targets' port.
    pub port: u16,
    /// The targets' zone.
    pub zone: Zone,
    /// What one answer shows of the name. [`Answers::Auto`] only for a load balancer's own name.
    pub answers: Answers,
    /// The CIDR blocks that targets must be in. Empty: private addresses, and those that Amazon
    /// assigns to VPCs.
    pub networks: Vec<IpNet>,
}

/// The Availability Zone that targets are registered with (RegisterTargets, `TargetDescription`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// Without one, then `all` where ELBv2 refuses that: addresses outside of the group's VPC need
    /// it.
    #[default]
    Auto,
    /// `all`.
    All,
    /// Without one.
    None,
}

/// What one DNS answer shows of a name's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answers {
    /// As Elastic Load Balancing answers: all addresses if they are fewer than 8, else 8 that are
    /// chosen anew each time. In `SYNC_TARGETS` this is `part` for other names.
    #[default]
    Auto,
    /// All addresses, however many they are.
    Whole,
    /// Some of them, as the reader endpoints of databases and records with weights do.
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
    answers: Answers,
    #[serde(default)]
    networks: Vec<String>,
}

/// Reads the list. Entries of one target group become one [`Group`].
pub(crate) fn parse(json: &str) -> Result<Vec<Group>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let entries: Vec<Entry> =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    deserializer.end().map_err(|error| error.to_string())?;
    if entries.is_empty() || entries.len() > MAX_NAMES {
        return Err(format!(
            "holds {} entries, and not 1 to {MAX_NAMES}",
            entries.len()
        ));
    }
    let mut groups: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let refuse = |member: &str, problem: &str| format!("[{index}].{member}: {problem}");
        let (arn, source) = checked(entry, refuse)?;
        let sources = groups.entry(arn).or_default();
        if sources
            .iter()
            .any(|known| (&known.name, known.port) == (&source.name, source.port))
        {
            return Err(refuse("name", "stands twice for this group and port"));
        }
        if sources
            .iter()
            .any(|known| known.port == source.port && known.zone != source.zone)
        {
            return Err(refuse(
                "availability_zone",
                "differs from another entry's for this group and port",
            ));
        }
        sources.push(source);
    }
    Ok(groups
        .into_iter()
        .map(|(arn, sources)| Group { arn, sources })
        .collect())
}

fn checked(
    entry: Entry,
    refuse: impl Fn(&str, &str) -> String,
) -> Result<(String, Source), String> {
    let name = entry.name.trim().trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return Err(refuse("name", "is empty"));
    }
    if name.parse::<IpAddr>().is_ok() {
        return Err(refuse("name", "is an address, which nobody has to follow"));
    }
    if Name::from_ascii(&name).is_err() {
        return Err(refuse("name", "is no name of DNS"));
    }
    let arn = entry.target_group_arn;
    if !arn.starts_with("arn:") || !arn.contains("targetgroup/") || arn.len() > 512 {
        return Err(refuse("target_group_arn", "is no ARN of a target group"));
    }
    if entry.port == 0 {
        return Err(refuse("port", "is not 1 to 65535"));
    }
    if entry.networks.len() > MAX_NETWORKS {
        return Err(refuse(
            "networks",
            &format!(
                "has {} entries, expected at most {MAX_NETWORKS}",
                entry.networks.len()
            ),
        ));
    }
    let networks = entry.networks.iter().enumerate();
    let networks = networks.map(|(index, text)| {
        network(text).ok_or_else(|| {
            let field = format!("networks[{index}]");
            refuse(
                &field,
                &format!(
                    "invalid CIDR block \"{}\", expected one such as 2001:db8::/56",
                    Excerpt(text)
                ),
            )
        })
    });
    let networks = networks.collect::<Result<_, _>>()?;
    let answers = match entry.answers {
        Answers::Auto if !is_load_balancer(&name) => Answers::Part,
        given => given,
    };
    Ok((
        arn,
        Source {
            name,
            port: entry.port,
            zone: entry.availability_zone,
            answers,
            networks,
        },
    ))
}

/// True for the DNS names that Elastic Load Balancing gives out: `NAME.REGION.elb.amazonaws.com`
/// for Application Load Balancers, `NAME.elb.REGION.amazonaws.com` for Network Load Balancers, and
/// the same under `amazonaws.com.cn`.
fn is_load_balancer(name: &str) -> bool {
    let of_aws = name
        .strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"));
    let mut labels = of_aws.into_iter().flat_map(|rest| rest.rsplit('.'));
    let (last, before) = (labels.next(), labels.next());
    (last == Some("elb") && before.is_some()) || (before == Some("elb") && labels.next().is_some())
}

/// A block whose address has no bits beyond its prefix: others are typing mistakes more often than
/// not.
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
    fn entries_of_one_group_are_put_together() {
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
    fn auto_means_part_for_names_that_are_not_a_load_balancers() {
        let answers = |name: &str, more: &str| {
            let json =
                format!(r#"[{{"name":"{name}","target_group_arn":"{A}","port":443{more}}}]"#);
            parse(&json).unwrap().remove(0).sources.remove(0).answers
        };
        for (name, expected) in [
            ("internal-a-1.eu-central-1.elb.amazonaws.com", Answers::Auto),
            (
                "Internal-A-1.EU-central-1.ELB.amazonaws.com.",
                Answers::Auto,
            ),
            ("a-1.elb.eu-central-1.amazonaws.com", Answers::Auto),
            ("a-1.elb.cn-north-1.amazonaws.com.cn", Answers::Auto),
            (
                "internal-a-1.cn-north-1.elb.amazonaws.com.cn",
                Answers::Auto,
            ),
            (
                "a.cluster-ro-1.eu-central-1.rds.amazonaws.com",
                Answers::Part,
            ),
            ("elb.amazonaws.com.example", Answers::Part),
            ("a.notelb.amazonaws.com", Answers::Part),
            ("elb.amazonaws.com", Answers::Part),
            ("orders.internal", Answers::Part),
        ] {
            assert_eq!(answers(name, ""), expected, "{name}");
            assert_eq!(answers(name, r#","answers":"auto""#), expected, "{name}");
            assert_eq!(
                answers(name, r#","answers":"whole""#),
                Answers::Whole,
                "{name}"
            );
            assert_eq!(
                answers(name, r#","answers":"part""#),
                Answers::Part,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let entry = |name: &str, arn: &str, rest: &str| {
            format!(r#"{{"name":"{name}","target_group_arn":"{arn}"{rest}}}"#)
        };
        let good = entry("a", A, r#","port":1"#);
        for (entries, problem) in [
            (String::new(), "holds 0 entries"),
            (
                vec![good.clone(); 101].join(","),
                "holds 101 entries, and not 1 to 100",
            ),
            (entry("", A, r#","port":1"#), "[0].name: is empty"),
            (
                entry("10.0.0.1", A, r#","port":1"#),
                "[0].name: is an address",
            ),
            (
                entry("a..b", A, r#","port":1"#),
                "[0].name: is no name of DNS",
            ),
            (
                entry("a", "arn:aws:lambda", r#","port":1"#),
                "[0].target_group_arn: is no ARN",
            ),
            (entry("a", A, r#","port":0"#), "[0].port: is not 1 to 65535"),
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
            (format!("{good},{good}"), "[1].name: stands twice"),
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
