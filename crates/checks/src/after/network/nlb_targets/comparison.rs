//! Compares the targets of a group with the addresses of its names.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::findings::Findings;
use crate::load_balancer::Target;

/// The most addresses in one DNS response for a load balancer. It can have more.
const SAMPLE_SIZE: usize = 8;

/// A name that a target group follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The host name.
    pub(super) host: String,
    /// The port of the targets.
    pub(super) port: u16,
    /// True if a DNS response never lists all addresses.
    pub(super) is_sample: bool,
    /// The addresses, or `None` if the name does not resolve.
    pub(super) addresses: Option<BTreeSet<IpAddr>>,
}

/// An address and a port.
type Endpoint = (IpAddr, u16);

/// Adds the differences between a group and its names, and returns whether each name resolves and
/// no address is missing. `has_own_dns` is true if alb-sync can receive other addresses than this
/// machine, so that a difference proves nothing.
pub(super) fn compare(
    group: &str,
    names: &[Name],
    targets: &[Target],
    has_own_dns: bool,
    findings: &mut Findings,
) -> bool {
    let mut is_current = true;
    let registered: BTreeSet<Endpoint> = targets
        .iter()
        .filter(|target| target.is_registered())
        .filter_map(|target| Some((target.id.parse().ok()?, target.port?)))
        .collect();

    for name in names {
        let Some(addresses) = addresses(name, &registered) else {
            let host = &name.host;
            findings.unproven(format!("{host} does not resolve on this machine"));
            is_current = false;
            continue;
        };
        let missing: Vec<String> = addresses
            .iter()
            .filter(|address| !registered.contains(&(**address, name.port)))
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            let is_none_registered = missing.len() == addresses.len();
            is_current = false;
            add_missing(
                group,
                name,
                &missing,
                is_none_registered,
                has_own_dns,
                findings,
            );
        }
    }
    add_outdated(group, names, &registered, has_own_dns, findings);
    is_current
}

/// Returns the addresses of a name of the group's address family: that of its targets, or IPv4.
fn addresses(name: &Name, registered: &BTreeSet<Endpoint>) -> Option<BTreeSet<IpAddr>> {
    let is_ipv6 = registered
        .iter()
        .next()
        .is_some_and(|(address, _)| address.is_ipv6());
    let addresses = name.addresses.as_ref()?.iter();
    let of_family: BTreeSet<IpAddr> = addresses
        .copied()
        .filter(|address| address.is_ipv6() == is_ipv6)
        .collect();
    (!of_family.is_empty()).then_some(of_family)
}

/// Adds the addresses that are no targets. A load balancer that just got an address is normal, so
/// this is a failure only if the group has no current address at all.
fn add_missing(
    group: &str,
    name: &Name,
    missing: &[String],
    is_none_registered: bool,
    has_own_dns: bool,
    findings: &mut Findings,
) {
    let Name { host, port, .. } = name;
    let missing = missing.join(", ");
    let detail = format!("target group {group} does not contain {missing} on port {port} ({host})");
    if has_own_dns {
        findings.unproven(format!(
            "{detail}, but alb-sync can receive other addresses than this machine"
        ));
    } else if is_none_registered {
        findings.problem(detail);
    } else {
        findings.warning(detail);
    }
}

/// Adds the targets that are no address of a name. If a DNS response can lack addresses, other
/// targets are normal.
fn add_outdated(
    group: &str,
    names: &[Name],
    registered: &BTreeSet<Endpoint>,
    has_own_dns: bool,
    findings: &mut Findings,
) {
    let is_complete = |name: &Name| {
        let addresses = name.addresses.as_ref();
        !name.is_sample && addresses.is_some_and(|it| it.len() < SAMPLE_SIZE)
    };
    if has_own_dns || !names.iter().all(is_complete) {
        return;
    }

    let current: BTreeSet<Endpoint> = names
        .iter()
        .flat_map(|name| {
            let addresses = name.addresses.iter().flatten();
            addresses.map(|address| (*address, name.port))
        })
        .collect();
    let ports: BTreeSet<u16> = names.iter().map(|name| name.port).collect();
    for (address, port) in registered.difference(&current) {
        if ports.contains(port) {
            findings.warning(format!(
                "target group {group} contains {address} on port {port}, which is no current address"
            ));
        }
    }
}
