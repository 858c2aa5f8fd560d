//! Computes the changes that make a target group match its names. Pure.
//!
//! - An address that a name resolves to is registered in the same run.
//! - A target that no name resolves to leaves after `misses` intervals of good evidence, in steps.
//! - Uncertain evidence changes nothing.
//! - Healthy targets stay until a resolved target is healthy.

mod absence;
mod changes;
mod departure;
mod desired_target;
mod observation;
mod settings;
mod snapshot;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::state::{Record, State};
use crate::target::TargetHealth;

use absence::Absence;
use departure::Candidate;
use desired_target::{DesiredTarget, desired_targets};
use snapshot::{Snapshot, is_registered_in};

pub(crate) use changes::{Changes, Registration};
pub(crate) use observation::{NameObservation, ObservedAddresses};
pub use settings::Settings;

/// Compares the observed names with the reported targets, at `now` in milliseconds since 1970.
pub(crate) fn reconcile(
    observations: &[NameObservation],
    reported: &[TargetHealth],
    state: &State,
    settings: &Settings,
    now: i64,
) -> Changes {
    let snapshot = Snapshot::new(observations, reported, state, settings, now);
    let desired = desired_targets(observations);
    let next = State {
        targets: BTreeMap::new(),
        copies_until: snapshot.copies_until(),
        ..state.clone()
    };
    let mut changes = Changes {
        size: snapshot.group.len() + snapshot.twins.len(),
        state: next,
        ..Changes::default()
    };

    add_desired_targets(&snapshot, &desired, &mut changes);

    let candidates = departure_candidates(&snapshot, &desired, &mut changes.state);
    departure::take_step(candidates, &snapshot, &desired, &mut changes);

    changes.claim = claim(state, &changes);
    changes
}

/// Registers desired targets that are not registered yet, and records all of them.
fn add_desired_targets(
    snapshot: &Snapshot<'_>,
    desired: &BTreeMap<SocketAddr, DesiredTarget>,
    changes: &mut Changes,
) {
    for (address, target) in desired {
        let record = snapshot.state.targets.get(address);
        let is_registered = snapshot
            .group
            .get(address)
            .is_some_and(|reported| is_registered_in(reported, record, target.zone));

        if !is_registered {
            changes.register.push(Registration {
                address: *address,
                zone: target.zone,
            });
        }
        changes
            .state
            .targets
            .insert(*address, target.record(record));
    }
}

/// Records the evidence against every target that no name resolves to, and returns the targets that
/// may leave.
fn departure_candidates<'r>(
    snapshot: &Snapshot<'r>,
    desired: &BTreeMap<SocketAddr, DesiredTarget>,
    next: &mut State,
) -> Vec<Candidate<'r>> {
    let unresolved = snapshot
        .group
        .values()
        .filter(|target| !desired.contains_key(&target.address));

    let mut candidates = Vec::new();
    for target in unresolved {
        let known = snapshot.state.targets.get(&target.address);
        let known = known.cloned().unwrap_or_default();
        let absence = Absence::of_target(target, &known, snapshot);
        let record = counted_record(absence, known, snapshot, next);

        if absence.is_some() && departure::is_due(&record, target, snapshot) {
            candidates.push(Candidate {
                reported: target,
                misses: record.misses,
            });
        }
        if record != Record::default() {
            next.targets.insert(target.address, record);
        }
    }
    candidates
}

/// Returns the record of a target after this run. Misses of untracked targets are counted up to the
/// threshold only, because the response reports them.
fn counted_record(
    absence: Option<Absence>,
    known: Record,
    snapshot: &Snapshot<'_>,
    next: &mut State,
) -> Record {
    let is_tracked = known.ours || snapshot.settings.remove_untracked;
    let is_counted = is_tracked || known.misses < snapshot.settings.misses;
    let Some(absence) = absence.filter(|_| is_counted) else {
        return known;
    };

    let record = absence.count(&known, snapshot);
    if let Absence::Likely { copies_until, .. } = absence
        && copies_until != 0
        && record != known
    {
        next.copies_until = next.copies_until.max(Some(copies_until));
    }
    record
}

/// Returns the current state with the targets that are about to be registered, and the time of the
/// step.
fn claim(state: &State, changes: &Changes) -> State {
    let mut claim = State {
        stepped_at: changes.state.stepped_at,
        ..state.clone()
    };
    for registration in &changes.register {
        claim.targets.entry(registration.address).or_default().ours = true;
    }
    claim
}

#[cfg(test)]
mod departure_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod zones;
