//! The inbound rules of security groups.

use std::fmt;

use serde_json::Value;

use crate::aws::text;

/// An inbound rule that admits connections to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    group: String,
    ports: Ports,
    pub(super) source: Source,
}

/// The source of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A range of addresses.
    Addresses(String),
    /// A prefix list, by its ID.
    PrefixList(String),
    /// A security group.
    Group {
        /// The ID.
        id: String,
        /// The peering connection, for a group of another VPC.
        peering: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ports {
    All,
    Range(u16, u16),
}

impl Admission {
    /// True if the source is one of the groups.
    pub(super) fn is_of_group(&self, groups: &[String]) -> bool {
        matches!(&self.source, Source::Group { id, .. } if groups.contains(id))
    }

    /// True if the rule admits connections to a port.
    pub(super) fn admits(&self, port: u16) -> bool {
        self.ports.contains(port)
    }

    fn of(rule: &Value) -> Option<Self> {
        if rule["isEgress"] == "true" {
            return None;
        }
        Some(Self {
            group: text(&rule["groupId"]).to_owned(),
            ports: Ports::of(rule)?,
            source: Source::of(rule),
        })
    }
}

impl Ports {
    /// Returns the ports of a rule for TCP, or `None` for another protocol.
    fn of(rule: &Value) -> Option<Self> {
        match text(&rule["ipProtocol"]) {
            "-1" => Some(Self::All),
            "tcp" | "6" => {
                let port = |name: &str| text(&rule[name]).parse();
                match (port("fromPort"), port("toPort")) {
                    (Ok(from), Ok(to)) => Some(Self::Range(from, to)),
                    // All ports are -1.
                    _ => Some(Self::All),
                }
            }
            _ => None,
        }
    }

    fn contains(&self, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Range(from, to) => (*from..=*to).contains(&port),
        }
    }
}

impl Source {
    fn of(rule: &Value) -> Self {
        for name in ["cidrIpv4", "cidrIpv6"] {
            if let Some(range) = rule[name].as_str() {
                return Self::Addresses(range.to_owned());
            }
        }
        if let Some(list) = rule["prefixListId"].as_str() {
            return Self::PrefixList(list.to_owned());
        }
        let group = &rule["referencedGroupInfo"];
        Self::Group {
            id: text(&group["groupId"]).to_owned(),
            peering: group["vpcPeeringConnectionId"].as_str().map(str::to_owned),
        }
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = &self.group;
        let source = &self.source;
        match self.ports {
            Ports::All => write!(
                formatter,
                "security group {group} admits {source} on all ports"
            ),
            Ports::Range(from, to) if from == to => {
                write!(
                    formatter,
                    "security group {group} admits {source} on port {from}"
                )
            }
            Ports::Range(from, to) => write!(
                formatter,
                "security group {group} admits {source} on ports {from} to {to}"
            ),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(range) => write!(formatter, "{range}"),
            Self::PrefixList(list) => write!(formatter, "prefix list {list}"),
            Self::Group { id, peering: None } => write!(formatter, "{id}"),
            Self::Group {
                id,
                peering: Some(peering),
            } => write!(formatter, "{id} of a VPC behind {peering}"),
        }
    }
}

/// Returns the inbound rules of the groups that admit connections to one of the ports.
pub(super) fn admissions(rules: &[Value], groups: &[String], ports: &[u16]) -> Vec<Admission> {
    let admits = |admission: &Admission| ports.iter().any(|port| admission.admits(*port));
    rules
        .iter()
        .filter_map(Admission::of)
        .filter(|admission| groups.contains(&admission.group) && admits(admission))
        .collect()
}
