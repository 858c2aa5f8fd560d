//! Selects the targets that leave in this run.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::changes::Changes;
use super::desired_target::DesiredTarget;
use super::observation::zone_of_port;
use super::settings::Settings;
use super::snapshot::Snapshot;
use sync_targets::Zone;

use crate::state::Record;
use crate::target::{Health, Target, TargetHealth};

/// An unhealthy target leaves after this many misses, if another target is healthy: it receives no
/// requests.
const UNHEALTHY_MISSES: u32 = 2;

/// A target that may leave.
pub(super) struct Candidate<'r> {
    pub(super) reported: &'r TargetHealth,
    pub(super) misses: u32,
}

/// Returns whether a target has been missed often enough to leave.
pub(super) fn is_due(record: &Record, target: &TargetHealth, snapshot: &Snapshot<'_>) -> bool {
    let Settings {
        misses,
        remove_untracked,
        ..
    } = *snapshot.settings;
    let is_idle = target.health == Health::Unhealthy && snapshot.has_healthy_target();
    let needed = if is_idle {
        misses.min(UNHEALTHY_MISSES)
    } else {
        misses
    };
    let is_followed = zone_of_port(snapshot.observations, target.address.port()).is_some();

    (record.ours || (remove_untracked && is_followed)) && record.misses >= needed
}

/// Removes targets within the budget of the interval.
///
/// At least one target leaves per step, so that departures end. Healthy targets stay while no
/// resolved target is healthy.
pub(super) fn take_step<'r>(
    candidates: Vec<Candidate<'r>>,
    snapshot: &Snapshot<'r>,
    desired: &BTreeMap<SocketAddr, DesiredTarget>,
    changes: &mut Changes,
) {
    let mut due = candidates;
    due.extend(replaced_twins(snapshot, desired));
    changes.withheld = due.len();

    let is_desired_and_healthy = |target: &&TargetHealth| {
        desired.contains_key(&target.address) && target.health == Health::Healthy
    };
    if !snapshot.group.values().any(is_desired_and_healthy) {
        due.retain(|candidate| candidate.reported.health != Health::Healthy);
    }
    changes.kept_healthy = changes.withheld - due.len();

    due.sort_by_key(|candidate| {
        let may_serve = candidate.reported.health != Health::Unhealthy;
        (
            may_serve,
            Reverse(candidate.misses),
            candidate.reported.address,
        )
    });
    let mut budget = Budget::new(snapshot);
    for candidate in due {
        if budget.admits(candidate.reported) {
            deregister(candidate.reported, snapshot, desired, changes);
            changes.withheld -= 1;
        }
    }
}

/// Returns the targets with a desired address in a zone that is no longer desired. Such a twin
/// leaves once the target in the desired zone is healthy, or at once if the twin is not healthy.
fn replaced_twins<'r>(
    snapshot: &Snapshot<'r>,
    desired: &BTreeMap<SocketAddr, DesiredTarget>,
) -> Vec<Candidate<'r>> {
    let is_healthy = |target: &TargetHealth| target.health == Health::Healthy;
    let is_replaced = |twin: &TargetHealth| {
        let replacement = snapshot.group.get(&twin.address);
        !is_healthy(twin) || replacement.is_some_and(|target| is_healthy(target))
    };

    snapshot
        .twins
        .iter()
        .copied()
        .filter(|twin| desired.contains_key(&twin.address) && snapshot.state.is_ours(twin.address))
        .filter(|twin| is_replaced(twin))
        .map(|reported| Candidate {
            reported,
            misses: u32::MAX,
        })
        .collect()
}

fn deregister(
    reported: &TargetHealth,
    snapshot: &Snapshot<'_>,
    desired: &BTreeMap<SocketAddr, DesiredTarget>,
    changes: &mut Changes,
) {
    changes.state.stepped_at = Some(snapshot.now);
    let address = reported.address;
    if desired.contains_key(&address) {
        changes.deregister.push(Target {
            address,
            zone: reported.zone.clone().filter(|zone| zone == "all"),
        });
        return;
    }

    let zone = zone_of_port(snapshot.observations, address.port());
    let record = changes.state.targets.remove(&address).unwrap_or_default();
    changes.deregister.push(Target {
        address,
        zone: deregistration_zone(zone, &record, reported),
    });

    let twins = snapshot.twins.iter().filter(|twin| twin.address == address);
    changes.deregister.extend(twins.map(|twin| Target {
        address,
        zone: twin.zone.clone(),
    }));
}

/// Returns the zone that a target was registered with. ELBv2 treats the same address in another
/// zone as another target.
fn deregistration_zone(
    zone: Option<Zone>,
    record: &Record,
    reported: &TargetHealth,
) -> Option<String> {
    let is_reported_for_all = reported.zone.as_deref() == Some("all");
    match zone {
        Some(Zone::None) if !is_reported_for_all => None,
        _ => record.zone.clone().or_else(|| reported.zone.clone()),
    }
}

/// The number of targets that may still leave in this step.
struct Budget {
    all: usize,
    /// The part of `all` that may receive requests.
    serving: usize,
    has_healthy_target: bool,
}

impl Budget {
    fn new(snapshot: &Snapshot<'_>) -> Self {
        let settings = snapshot.settings;
        if !settings.has_interval_passed(snapshot.state.stepped_at, snapshot.now) {
            return Self {
                all: 0,
                serving: 0,
                has_healthy_target: false,
            };
        }

        let percent = usize::try_from(settings.max_percent).unwrap_or(100);
        let share = |count: usize| (count.saturating_mul(percent) / 100).max(1);
        let has_healthy_target = snapshot.has_healthy_target();
        let serving = snapshot
            .group
            .values()
            .filter(|target| receives_requests(target, has_healthy_target))
            .count();

        Self {
            all: share(snapshot.group.len()),
            serving: share(serving),
            has_healthy_target,
        }
    }

    /// Returns whether a target may leave too, and if so, takes it off the budget.
    fn admits(&mut self, target: &TargetHealth) -> bool {
        let is_serving = receives_requests(target, self.has_healthy_target);
        if self.all == 0 || (is_serving && self.serving == 0) {
            return false;
        }

        self.all -= 1;
        self.serving -= usize::from(is_serving);
        true
    }
}

/// Returns whether a load balancer sends requests to a target. Without a healthy target, it sends to
/// all of them.
fn receives_requests(target: &TargetHealth, has_healthy_target: bool) -> bool {
    target.health == Health::Healthy || !has_healthy_target
}
