//! The targets that the names of a group ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::observation::NameObservation;
use sync_targets::Zone;

use crate::state::Record;

/// A target that at least one name resolves to.
pub(super) struct DesiredTarget {
    pub(super) zone: Zone,
    /// The names that resolve to the target. Empty if its port has only one name.
    names: BTreeSet<String>,
}

impl DesiredTarget {
    /// Returns the record to store, which keeps the zone of an earlier registration.
    pub(super) fn record(&self, known: Option<&Record>) -> Record {
        let zone = if self.zone == Zone::All {
            Some("all".to_owned())
        } else {
            known.and_then(|record| record.zone.clone())
        };

        Record {
            ours: true,
            zone,
            names: self.names.clone(),
            ..Record::default()
        }
    }
}

/// Returns the targets that names resolve to, by address and port.
pub(super) fn desired_targets(
    observations: &[NameObservation],
) -> BTreeMap<SocketAddr, DesiredTarget> {
    let mut desired: BTreeMap<SocketAddr, DesiredTarget> = BTreeMap::new();
    for observation in observations {
        let has_several_names = observations
            .iter()
            .filter(|other| other.port == observation.port)
            .count()
            > 1;
        let addresses = observation
            .resolved
            .iter()
            .flat_map(|resolved| &resolved.addresses);

        for address in addresses {
            let address = SocketAddr::new(*address, observation.port);
            let target = desired.entry(address).or_insert(DesiredTarget {
                zone: observation.zone,
                names: BTreeSet::new(),
            });
            target
                .names
                .extend(has_several_names.then(|| observation.name.clone()));
        }
    }
    desired
}
