//! Runs of a group over time.

use std::net::Ipv4Addr;
use std::time::Duration;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;
use sync_targets::Zone;

use crate::sampling::Evidence;
use crate::target::Health;

const MINUTE: i64 = 60_000;
pub(super) const SETTINGS: Settings = Settings {
    misses: 3,
    interval_ms: MINUTE,
    max_percent: 50,
    remove_untracked: false,
};

pub(super) fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, last], 443))
}

fn addresses(lasts: impl IntoIterator<Item = u8>) -> BTreeSet<IpAddr> {
    lasts
        .into_iter()
        .map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
        .collect()
}

fn observation(name: &str, resolved: Option<(BTreeSet<IpAddr>, Evidence)>) -> NameObservation {
    let resolved = resolved.map(|(addresses, evidence)| ObservedAddresses {
        addresses,
        evidence,
    });
    NameObservation {
        name: name.to_owned(),
        port: 443,
        zone: Zone::Auto,
        resolved,
    }
}

pub(super) fn whole(lasts: impl IntoIterator<Item = u8>) -> Vec<NameObservation> {
    vec![observation("a", Some((addresses(lasts), Evidence::Whole)))]
}

pub(super) fn healthy(lasts: impl IntoIterator<Item = u8>) -> Vec<TargetHealth> {
    lasts
        .into_iter()
        .map(|last| TargetHealth {
            address: at(last),
            zone: None,
            health: Health::Healthy,
        })
        .collect()
}

pub(super) fn tracked(lasts: impl IntoIterator<Item = u8>) -> State {
    let targets = lasts.into_iter().map(|last| {
        (
            at(last),
            Record {
                ours: true,
                ..Record::default()
            },
        )
    });
    State {
        targets: targets.collect(),
        ..State::default()
    }
}

fn registered(changes: &Changes) -> Vec<SocketAddr> {
    changes
        .register
        .iter()
        .map(|registration| registration.address)
        .collect()
}

pub(super) fn deregistered(changes: &Changes) -> Vec<SocketAddr> {
    changes
        .deregister
        .iter()
        .map(|target| target.address)
        .collect()
}

fn misses(changes: &Changes, last: u8) -> Option<u32> {
    changes
        .state
        .targets
        .get(&at(last))
        .map(|record| record.misses)
}

/// A group that is reconciled every minute, its changes applied.
struct World {
    group: Vec<TargetHealth>,
    state: State,
    settings: Settings,
    now: i64,
}

impl World {
    fn of(group: impl IntoIterator<Item = u8> + Clone) -> Self {
        Self {
            group: healthy(group.clone()),
            state: tracked(group),
            settings: SETTINGS,
            now: 0,
        }
    }

    fn run(&mut self, observations: &[NameObservation]) -> Changes {
        self.now += MINUTE;
        let changes = reconcile(
            observations,
            &self.group,
            &self.state,
            &self.settings,
            self.now,
        );
        let left = deregistered(&changes);
        self.group.retain(|target| !left.contains(&target.address));
        let joined = changes.register.iter();
        self.group.extend(joined.map(|registration| TargetHealth {
            address: registration.address,
            zone: None,
            health: Health::Healthy,
        }));
        self.state = changes.state.clone();
        changes
    }
}

#[test]
fn a_group_that_matches_its_name_is_unchanged() {
    let state = tracked([1, 2]);
    let changes = reconcile(&whole([1, 2]), &healthy([1, 2]), &state, &SETTINGS, 0);
    assert_eq!(
        (registered(&changes), deregistered(&changes)),
        (vec![], vec![])
    );
    assert_eq!(changes.state, state);
}

#[test]
fn a_missing_target_is_registered_in_the_same_run() {
    let changes = reconcile(&whole([1, 2, 3]), &[], &State::default(), &SETTINGS, 0);
    assert_eq!(registered(&changes), [at(1), at(2), at(3)]);
    assert_eq!(changes.claim, tracked([1, 2, 3]));
    let changes = reconcile(
        &whole([1, 2, 3]),
        &healthy([1]),
        &State::default(),
        &SETTINGS,
        0,
    );
    assert_eq!(registered(&changes), [at(2), at(3)]);
}

#[test]
fn a_target_leaves_after_three_missed_intervals() {
    let mut world = World::of([1, 2]);
    for count in [1, 2] {
        let changes = world.run(&whole([1]));
        assert_eq!(
            (deregistered(&changes), misses(&changes, 2)),
            (vec![], Some(count))
        );
    }
    let changes = world.run(&whole([1]));
    assert_eq!(
        (deregistered(&changes), misses(&changes, 2)),
        (vec![at(2)], None)
    );
    let changes = world.run(&whole([1]));
    assert_eq!(deregistered(&changes), []);
}

#[test]
fn a_target_that_returns_loses_its_misses() {
    let mut world = World::of([1, 2]);
    world.run(&whole([1]));
    world.run(&whole([1]));
    let changes = world.run(&whole([1, 2]));
    assert_eq!(
        (registered(&changes), misses(&changes, 2)),
        (vec![], Some(0))
    );
    assert_eq!(misses(&world.run(&whole([1])), 2), Some(1));
}

#[test]
fn only_records_of_registered_targets_are_counted_and_kept() {
    let settings = Settings {
        misses: 9,
        ..SETTINGS
    };
    let mut state = tracked([2, 6]);
    for (last, misses) in [(1, 1), (2, 2), (5, 3)] {
        state.targets.entry(at(last)).or_default().misses = misses;
    }
    let changes = reconcile(&whole([1, 2, 3]), &healthy([1, 5]), &state, &settings, 0);
    assert_eq!(
        [1, 2, 3, 5, 6].map(|last| misses(&changes, last)),
        [Some(0), Some(0), Some(0), Some(4), None]
    );
    let changes = reconcile(
        &whole([1, 2, 3]),
        &healthy([1, 5]),
        &tracked([2, 6]),
        &settings,
        0,
    );
    assert_eq!((misses(&changes, 5), misses(&changes, 6)), (Some(1), None));
}

#[test]
fn an_unresolved_name_changes_nothing() {
    let mut state = tracked([1, 2]);
    state.targets.entry(at(2)).or_default().misses = 7;
    let changes = reconcile(
        &[observation("a", None)],
        &healthy([1, 2]),
        &state,
        &SETTINGS,
        0,
    );
    assert_eq!(
        (
            registered(&changes),
            deregistered(&changes),
            changes.withheld
        ),
        (vec![], vec![], 0)
    );
    assert_eq!(changes.state, state);
}

#[test]
fn a_miss_counts_only_for_targets_of_the_resolved_name() {
    let mut world = World::of([]);
    let resolved = |lasts: &[u8]| Some((addresses(lasts.iter().copied()), Evidence::Whole));
    world.run(&[
        observation("a", resolved(&[1, 2])),
        observation("b", resolved(&[3, 4])),
    ]);
    for _ in 0..3 {
        let changes = world.run(&[observation("a", resolved(&[1, 5])), observation("b", None)]);
        assert_eq!(misses(&changes, 3), Some(0));
    }
    let left: BTreeSet<_> = world.group.iter().map(|target| target.address).collect();
    assert_eq!(left, BTreeSet::from([at(1), at(3), at(4), at(5)]));
}

#[test]
fn partial_responses_count_a_miss_once_there_are_enough() {
    let mut world = World::of(1..=20);
    let sample = |answers, copies_for| Evidence::Sample {
        answers,
        size: 8,
        copies_for,
        is_uniform: true,
    };
    let part = |answers| {
        vec![observation(
            "a",
            Some((addresses(1..=19), sample(answers, Duration::ZERO))),
        )]
    };
    // (12/20)^k ≤ 0.001 takes 14 answers.
    assert_eq!(misses(&world.run(&part(13)), 20), Some(0));
    assert_eq!(misses(&world.run(&part(1)), 20), Some(1));
    assert_eq!(misses(&world.run(&part(14)), 20), Some(2));
}

#[test]
fn copies_of_an_answer_count_once_in_its_time_to_live() {
    let mut world = World::of(1..=9);
    let sample = Evidence::Sample {
        answers: 1,
        size: 8,
        copies_for: Duration::from_secs(300),
        is_uniform: true,
    };
    let copy = vec![observation("a", Some((addresses(1..=8), sample)))];
    let mut seen_answers = Vec::new();
    for _ in 0..11 {
        world.run(&copy);
        seen_answers.push(world.state.targets[&at(9)].answers);
    }
    assert_eq!(seen_answers, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]);
}

#[test]
fn doubtful_evidence_registers_and_counts_nothing() {
    let doubtful = [observation(
        "a",
        Some((addresses([1, 3]), Evidence::Doubtful)),
    )];
    let changes = reconcile(&doubtful, &healthy([1, 2]), &tracked([1, 2]), &SETTINGS, 0);
    assert_eq!(
        (registered(&changes), misses(&changes, 2)),
        (vec![at(3)], Some(0))
    );
}

#[test]
fn without_a_state_misses_start_at_one() {
    let changes = reconcile(
        &whole([1]),
        &healthy([1, 2]),
        &State::default(),
        &SETTINGS,
        0,
    );
    assert_eq!(
        (deregistered(&changes), misses(&changes, 2)),
        (vec![], Some(1))
    );
}

#[test]
fn a_second_run_in_the_same_interval_counts_no_miss() {
    let mut world = World::of([1, 2]);
    world.run(&whole([1]));
    let again = reconcile(
        &whole([1]),
        &world.group,
        &world.state,
        &SETTINGS,
        world.now + 5_000,
    );
    assert_eq!(again.state, world.state);
}

#[test]
fn an_untracked_target_stays_unless_configured_otherwise() {
    let mut world = World {
        state: tracked([1]),
        ..World::of([1, 9])
    };
    for _ in 0..10 {
        assert_eq!(deregistered(&world.run(&whole([1]))), []);
    }
    // It is counted up to the threshold and written no more.
    let before = world.state.clone();
    world.run(&whole([1]));
    assert_eq!(
        (world.state.targets[&at(9)].misses, &world.state),
        (3, &before)
    );
    world.settings.remove_untracked = true;
    assert_eq!(deregistered(&world.run(&whole([1]))), [at(9)]);
}

#[test]
fn the_same_address_on_another_port_is_unchanged() {
    let other = TargetHealth {
        address: SocketAddr::from(([10, 0, 0, 1], 80)),
        zone: None,
        health: Health::Healthy,
    };
    let mut world = World::of([]);
    world.settings.remove_untracked = true;
    world.group.push(other.clone());
    assert_eq!(registered(&world.run(&whole([1]))), [at(1)]);
    for _ in 0..10 {
        world.run(&whole([1]));
    }
    assert!(world.group.contains(&other));
}

#[test]
fn a_draining_target_that_returns_is_registered_at_once() {
    let draining = [TargetHealth {
        address: at(1),
        zone: None,
        health: Health::Leaving,
    }];
    assert_eq!(
        registered(&reconcile(
            &whole([1]),
            &draining,
            &State::default(),
            &SETTINGS,
            0
        )),
        [at(1)]
    );
    assert_eq!(
        reconcile(&whole([2]), &draining, &tracked([1]), &SETTINGS, 0).state,
        tracked([2])
    );
}

#[test]
fn half_of_the_group_leaves_per_interval() {
    let mut world = World::of([1, 2, 3, 4]);
    world.run(&whole([1]));
    world.run(&whole([1]));
    let changes = world.run(&whole([1]));
    assert_eq!(
        (deregistered(&changes), changes.withheld),
        (vec![at(2), at(3)], 1)
    );
    let early = reconcile(
        &whole([1]),
        &world.group,
        &world.state,
        &SETTINGS,
        world.now + 10_000,
    );
    assert_eq!((deregistered(&early), early.withheld), (vec![], 1));
    let changes = world.run(&whole([1]));
    assert_eq!((deregistered(&changes), changes.withheld), (vec![at(4)], 0));
}

#[test]
fn the_targets_of_a_zone_leave_and_return_together() {
    let mut world = World::of([1, 2, 3, 4]);
    for _ in 0..3 {
        world.run(&whole([1, 2]));
    }
    assert_eq!(world.group.len(), 2);
    assert_eq!(registered(&world.run(&whole([1, 2, 3, 4]))), [at(3), at(4)]);
}

#[test]
fn an_unhealthy_target_stays_while_its_name_resolves_to_it() {
    let mut world = World::of([1, 2]);
    world.group[1].health = Health::Unhealthy;
    for _ in 0..10 {
        assert_eq!(deregistered(&world.run(&whole([1, 2]))), []);
    }
}

#[test]
fn a_missing_target_that_is_unhealthy_leaves_an_interval_earlier_unless_all_are() {
    let mut world = World::of([1, 2]);
    world.group[1].health = Health::Unhealthy;
    assert_eq!(deregistered(&world.run(&whole([1]))), []);
    assert_eq!(deregistered(&world.run(&whole([1]))), [at(2)]);
    let mut world = World::of([1, 2]);
    world
        .group
        .iter_mut()
        .for_each(|target| target.health = Health::Unhealthy);
    world.run(&whole([1]));
    assert_eq!(deregistered(&world.run(&whole([1]))), []);
    assert_eq!(deregistered(&world.run(&whole([1]))), [at(2)]);
}

#[test]
fn a_name_that_is_no_longer_configured_leaves_its_targets_to_the_others() {
    let mut world = World::of([]);
    let resolved = |last| Some((addresses([last]), Evidence::Whole));
    world.run(&[observation("a", resolved(1)), observation("b", resolved(2))]);
    for _ in 0..3 {
        world.run(&[observation("a", resolved(1))]);
    }
    assert_eq!(world.group, healthy([1]));
}
