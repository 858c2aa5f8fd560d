//! What DNS says about the names of a group.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sync_targets::Zone;

use crate::sampling::Evidence;

/// The result of resolving one name of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameObservation {
    pub(crate) name: String,
    /// The port of the name's targets.
    pub(crate) port: u16,
    /// The zone of the name's targets.
    pub(crate) zone: Zone,
    /// `None` if the name could not be resolved.
    pub(crate) resolved: Option<ObservedAddresses>,
}

/// The addresses of a name that are eligible as targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObservedAddresses {
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// What the responses say about addresses that they do not contain.
    pub(crate) evidence: Evidence,
}

impl NameObservation {
    /// Returns whether the name was resolved and all of its addresses are trusted.
    pub(crate) fn is_certain(&self) -> bool {
        self.resolved
            .as_ref()
            .is_some_and(|resolved| resolved.evidence != Evidence::Doubtful)
    }
}

/// Returns the zone of the targets on a port, or `None` if no name of the group uses the port.
pub(super) fn zone_of_port(observations: &[NameObservation], port: u16) -> Option<Zone> {
    observations
        .iter()
        .find(|observation| observation.port == port)
        .map(|observation| observation.zone)
}
