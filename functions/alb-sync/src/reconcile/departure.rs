//! Which targets leave in this run.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Changes, Due, Run, Settings, Wish, zone_of};
use crate::state::Record;
use crate::sync_targets::Zone;
use crate::target::{Health, Reported, Target};

/// True if a target has been missed often enough. An unhealthy target leaves a little earlier:
/// nothing is sent to it, unless no target is healthy.
pub(super) fn is_due(record: &Record, target: &Reported, run: &Run<'_>) -> bool {
    let Settings {
        misses,
        remove_untracked,
        ..
    } = *run.settings;
    let idle = run.any_healthy() && target.health == Health::Unhealthy;
    let misses = if idle { misses.min(2) } else { misses };
    let is_followed = zone_of(run.sightings, target.at.port()).is_some();
    (record.ours || (remove_untracked && is_followed)) && record.misses >= misses
}

/// Takes one step an interval, at least one target in each, so that it ends. `max_percent` bounds
/// both the targets and, of those that serve, the ones that leave. Healthy targets stay while no
/// target that the names show is healthy.
pub(super) fn take_step<'r>(
    due: Vec<Due<'r>>,
    run: &Run<'r>,
    wishes: &BTreeMap<SocketAddr, Wish>,
    changes: &mut Changes,
) {
    let mut due = due;
    due.extend(twins(run, wishes));
    changes.withheld = due.len();
    let is_shown_and_healthy =
        |target: &&Reported| wishes.contains_key(&target.at) && target.health == Health::Healthy;
    if !run.group.values().any(is_shown_and_healthy) {
        due.retain(|due| due.reported.health != Health::Healthy);
    }
    changes.kept_healthy = changes.withheld - due.len();

    let serves = |due: &Due<'_>| due.reported.health != Health::Unhealthy;
    due.sort_by_key(|due| (serves(due), Reverse(due.misses), due.reported.at));
    let mut budget = Budget::of(run);
    for Due { reported, .. } in due.into_iter().filter(|due| budget.admits(due.reported)) {
        leave(reported, run, wishes, changes);
        changes.withheld -= 1;
    }
}

/// What an address that its name shows is registered with besides, in a zone that is no longer
/// asked for. It leaves once the other one serves, or at once if it does not serve itself.
fn twins<'r>(run: &Run<'r>, wishes: &BTreeMap<SocketAddr, Wish>) -> Vec<Due<'r>> {
    let is_ours = |at: &SocketAddr| run.state.targets.get(at).is_some_and(|record| record.ours);
    let is_replaced = |twin: &&Reported| {
        let serves = |target: &Reported| target.health == Health::Healthy;
        !serves(twin) || run.group.get(&twin.at).is_some_and(|target| serves(target))
    };
    let twins = run
        .twins
        .iter()
        .copied()
        .filter(|twin| wishes.contains_key(&twin.at) && is_ours(&twin.at));
    twins
        .filter(is_replaced)
        .map(|reported| Due {
            reported,
            misses: u32::MAX,
        })
        .collect()
}

fn leave(
    reported: &Reported,
    run: &Run<'_>,
    wishes: &BTreeMap<SocketAddr, Wish>,
    changes: &mut Changes,
) {
    changes.state.stepped_at = Some(run.now);
    let zone = zone_of(run.sightings, reported.at.port());
    if wishes.contains_key(&reported.at) {
        changes.deregister.push(Target {
            at: reported.at,
            zone: reported.zone.clone().filter(|zone| zone == "all"),
        });
        return;
    }

    let record = changes
        .state
        .targets
        .remove(&reported.at)
        .unwrap_or_default();
    changes.deregister.push(Target {
        at: reported.at,
        zone: zone_to_leave(zone, &record, reported),
    });
    let twins = run.twins.iter().filter(|twin| twin.at == reported.at);
    changes.deregister.extend(twins.map(|twin| Target {
        at: twin.at,
        zone: twin.zone.clone(),
    }));
}

/// As it was registered: a target of another zone is another target.
fn zone_to_leave(zone: Option<Zone>, record: &Record, reported: &Reported) -> Option<String> {
    let reported_for_all = reported.zone.as_deref() == Some("all");
    match zone {
        Some(Zone::None) if !reported_for_all => None,
        _ => record.zone.clone().or_else(|| reported.zone.clone()),
    }
}

/// How many targets may still leave in this step.
struct Budget {
    all: usize,
    serving: usize,
    any_healthy: bool,
}

impl Budget {
    fn of(run: &Run<'_>) -> Self {
        let percent = usize::try_from(run.settings.max_percent).unwrap_or(100);
        let share = |count: usize| (count.saturating_mul(percent) / 100).max(1);
        if !run.settings.interval_is_over(run.state.stepped_at, run.now) {
            return Self {
                all: 0,
                serving: 0,
                any_healthy: false,
            };
        }

        let any_healthy = run.any_healthy();
        let serving = run
            .group
            .values()
            .filter(|target| serves(target, any_healthy))
            .count();
        Self {
            all: share(run.group.len()),
            serving: share(serving),
            any_healthy,
        }
    }

    /// True if this target may leave as well; takes its place from what is left.
    fn admits(&mut self, target: &Reported) -> bool {
        let serves = serves(target, self.any_healthy);
        if self.all == 0 || (serves && self.serving == 0) {
            return false;
        }

        self.all -= 1;
        self.serving -= usize::from(serves);
        true
    }
}

/// True if a load balancer sends to a target: to all of them where none is healthy.
fn serves(target: &Reported, any_healthy: bool) -> bool {
    target.health == Health::Healthy || !any_healthy
}
