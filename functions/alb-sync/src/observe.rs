//! Turns the resolution of a name into an observation, without the addresses that are not eligible.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sync_targets::Source;

use crate::admissible::{self, Rejection};
use crate::outcome::Outcome;
use crate::reconcile::{NameObservation, ObservedAddresses};
use crate::resolver::ResolveResult;
use crate::sampling::{Evidence, Resolution};

/// The maximum number of rejected addresses in an error message.
const MAX_LISTED_REJECTIONS: usize = 8;

/// Returns the observation of a name, and adds its addresses and errors to the outcome. `own` are
/// the addresses of the group's load balancers, which cannot be targets.
pub(crate) fn observe(
    source: &Source,
    result: ResolveResult,
    own: &BTreeSet<IpAddr>,
    outcome: &mut Outcome,
) -> NameObservation {
    let resolved = match result {
        Ok(resolution) => Some(eligible_addresses(source, resolution, own, outcome)),
        Err(error) => {
            outcome.add_problem(format_args!("{} {error}", source.name));
            None
        }
    };
    outcome.complete &= resolved
        .as_ref()
        .is_some_and(|resolved| resolved.evidence == Evidence::Whole);

    NameObservation {
        name: source.name.clone(),
        port: source.port,
        zone: source.zone,
        resolved,
    }
}

/// Separates the eligible addresses. A name with a rejected address is no evidence about addresses
/// that it does not resolve to.
fn eligible_addresses(
    source: &Source,
    resolution: Resolution,
    own: &BTreeSet<IpAddr>,
    outcome: &mut Outcome,
) -> ObservedAddresses {
    let ttl = resolution.ttl.as_secs();
    let metrics = &mut outcome.metrics;
    metrics.lookups += resolution.lookups;
    metrics.ttl_s = Some(metrics.ttl_s.map_or(ttl, |shortest| shortest.min(ttl)));

    let (mut addresses, mut rejected) = (BTreeSet::new(), Vec::new());
    for address in resolution.addresses {
        match admissible::check(address, source) {
            Ok(()) if own.contains(&address) => {
                rejected.push((address, Rejection::OwnLoadBalancer))
            }
            Ok(()) => drop(addresses.insert(address)),
            Err(reason) => rejected.push((address, reason)),
        }
    }
    outcome.resolved.extend(&addresses);

    let evidence = if rejected.is_empty() {
        resolution.evidence
    } else {
        outcome.add_problem(rejection_message(&source.name, &rejected));
        Evidence::Doubtful
    };
    ObservedAddresses {
        addresses,
        evidence,
    }
}

/// Returns which addresses cannot be targets and why, and what to do if they should be.
fn rejection_message(name: &str, rejected: &[(IpAddr, Rejection)]) -> String {
    let listed = rejected
        .iter()
        .take(MAX_LISTED_REJECTIONS)
        .map(|(address, reason)| format!("{address} ({reason})"));
    let mut listed = listed.collect::<Vec<_>>().join(", ");
    let unlisted = rejected.len().saturating_sub(MAX_LISTED_REJECTIONS);
    if unlisted > 0 {
        listed.push_str(&format!(" and {unlisted} more"));
    }

    let has = |wanted: Rejection| rejected.iter().any(|(_, reason)| *reason == wanted);
    let hint = if has(Rejection::OutsideAmazon) {
        "; set \"availability_zone\" to \"all\" for targets outside the VPC, or list its CIDR blocks in \"networks\""
    } else if has(Rejection::Public) || has(Rejection::OutsideNetworks) {
        "; list the VPC's CIDR blocks in \"networks\" if these addresses are its own"
    } else {
        ""
    };
    format!("{name} resolves to addresses that cannot be targets: {listed}{hint}")
}
