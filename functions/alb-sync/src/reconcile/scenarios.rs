//! The scenarios that reconciling alone decides, by their numbers.

use std::net::Ipv4Addr;
use std::time::Duration;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::*;
use crate::sampling::Evidence;
use crate::sync_targets::Zone;
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
fn s1_a_group_that_equals_its_name_is_left_alone() {
    let state = tracked([1, 2]);
    let changes = reconcile(&whole([1, 2]), &healthy([1, 2]), &state, &SETTINGS, 0);
    assert_eq!(
        (registered(&changes), deregistered(&changes)),
        (vec![], vec![])
    );
    assert_eq!(changes.state, state);
}

#[test]
fn s2_and_s3_what_the_group_lacks_is_registered_in_the_same_run() {
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
fn s4_and_s5_a_target_leaves_with_the_third_interval_without_it() {
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
fn s6_a_target_that_comes_back_starts_anew() {
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
fn s7_and_s8_counters_of_what_is_there_go_up_and_all_others_are_dropped() {
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
fn s9_a_name_that_cannot_be_resolved_changes_nothing() {
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
fn s13_only_what_the_resolved_name_showed_is_missed() {
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
fn s14_an_address_that_a_part_of_the_answers_does_not_show_is_missed_once_they_cover_it() {
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
fn s25_without_a_state_counting_starts_at_one_and_nothing_leaves() {
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
fn s29_a_second_run_in_the_same_interval_counts_nothing() {
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
fn s31_a_target_that_nobody_tracks_stays_unless_that_is_asked_for() {
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
fn s32_the_same_address_on_another_port_is_never_touched() {
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
fn s34_a_draining_target_that_is_back_is_registered_at_once() {
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
fn s39_a_step_is_half_of_the_group_and_the_next_interval_takes_the_next() {
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
fn s41_a_zone_that_leaves_is_out_after_three_intervals_and_back_in_the_run_it_returns() {
    let mut world = World::of([1, 2, 3, 4]);
    for _ in 0..3 {
        world.run(&whole([1, 2]));
    }
    assert_eq!(world.group.len(), 2);
    assert_eq!(registered(&world.run(&whole([1, 2, 3, 4]))), [at(3), at(4)]);
}

#[test]
fn s46_an_unhealthy_target_that_its_name_shows_is_kept() {
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
