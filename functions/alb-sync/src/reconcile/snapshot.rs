//! The situation of a group at the start of a run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;

use super::observation::{NameObservation, zone_of_port};
use super::settings::Settings;
use sync_targets::Zone;

use crate::state::{Record, State};
use crate::target::{Health, TargetHealth};

/// Everything that a run knows about a group before it changes anything.
pub(super) struct Snapshot<'r> {
    pub(super) observations: &'r [NameObservation],
    /// The registered targets on the ports of the names, and those on other ports that alb-sync
    /// registered.
    pub(super) group: BTreeMap<SocketAddr, &'r TargetHealth>,
    /// Targets whose address is in `group` too, in another zone.
    pub(super) twins: Vec<&'r TargetHealth>,
    pub(super) state: &'r State,
    pub(super) settings: &'r Settings,
    /// In milliseconds since 1970.
    pub(super) now: i64,
}

impl<'r> Snapshot<'r> {
    pub(super) fn new(
        observations: &'r [NameObservation],
        reported: &'r [TargetHealth],
        state: &'r State,
        settings: &'r Settings,
        now: i64,
    ) -> Self {
        let (group, twins) = registered_targets(observations, reported, state);

        Self {
            observations,
            group,
            twins,
            state,
            settings,
            now,
        }
    }

    /// Returns whether a target is healthy. A load balancer without healthy targets sends to all.
    pub(super) fn has_healthy_target(&self) -> bool {
        self.group
            .values()
            .chain(&self.twins)
            .any(|target| target.health == Health::Healthy)
    }

    /// Returns when DNS responses count again. Forgets an instant that a fast clock wrote.
    pub(super) fn copies_until(&self) -> Option<i64> {
        let instants = self
            .state
            .targets
            .values()
            .filter_map(|record| record.counted_at)
            .chain(self.state.stepped_at);
        let mut ahead =
            instants.filter(|instant| instant.saturating_sub(self.now) > self.settings.interval_ms);

        self.state.copies_until.filter(|_| ahead.next().is_none())
    }
}

/// Returns the group's targets by address, and their twins. Of two targets that differ only in
/// their zone, the one in the desired zone goes into the map.
fn registered_targets<'r>(
    observations: &[NameObservation],
    reported: &'r [TargetHealth],
    state: &State,
) -> (
    BTreeMap<SocketAddr, &'r TargetHealth>,
    Vec<&'r TargetHealth>,
) {
    let (mut group, mut twins) = (BTreeMap::<_, &TargetHealth>::new(), Vec::new());
    let registered = reported
        .iter()
        .filter(|target| target.health != Health::Leaving);

    for target in registered {
        let zone = zone_of_port(observations, target.address.port());
        if zone.is_none() && !state.is_ours(target.address) {
            continue;
        }

        let is_in_zone =
            |target: &TargetHealth| zone.is_none_or(|zone| is_registered_in(target, None, zone));
        match group.entry(target.address) {
            Entry::Vacant(place) => drop(place.insert(target)),
            Entry::Occupied(mut place) if is_in_zone(target) && !is_in_zone(place.get()) => {
                twins.push(place.insert(target))
            }
            Entry::Occupied(_) => twins.push(target),
        }
    }
    (group, twins)
}

/// Returns whether a target is registered in the desired zone. Reports may omit the zone, so the
/// zone of the registration counts too.
pub(super) fn is_registered_in(target: &TargetHealth, record: Option<&Record>, zone: Zone) -> bool {
    let is_reported_for_all = target.zone.as_deref() == Some("all");
    let was_registered_for_all = record.is_some_and(|record| record.zone.as_deref() == Some("all"));

    match zone {
        Zone::Auto => true,
        Zone::All => is_reported_for_all || was_registered_for_all,
        Zone::None => !is_reported_for_all,
    }
}
