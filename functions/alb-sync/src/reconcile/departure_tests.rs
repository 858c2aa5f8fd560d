//! What leaves, and what has to stay, whatever names show.

use std::time::Duration;

use super::scenarios::{SETTINGS, at, deregistered, healthy, tracked, whole};

use super::*;
use sync_targets::Zone;

use crate::sampling::Evidence;
use crate::target::{Health, Target};

const MINUTE: i64 = 60_000;

fn with(health: Health, lasts: impl IntoIterator<Item = u8>) -> Vec<TargetHealth> {
    healthy(lasts)
        .into_iter()
        .map(|target| TargetHealth { health, ..target })
        .collect()
}

/// A state in which each of these targets is ours and has been missed often enough.
fn missed(lasts: impl IntoIterator<Item = u8>) -> State {
    let mut state = tracked(lasts);
    state
        .targets
        .values_mut()
        .for_each(|record| record.misses = 3);
    state
}

fn on_port(port: u16, lasts: impl IntoIterator<Item = u8>) -> Vec<TargetHealth> {
    let target = |last| TargetHealth {
        address: SocketAddr::from(([10, 0, 0, last], port)),
        ..healthy([last]).remove(0)
    };
    lasts.into_iter().map(target).collect()
}

#[test]
fn healthy_targets_stay_until_a_resolved_target_is_healthy() {
    for (health, left, kept) in [
        (Health::Unknown, vec![], 2),
        (Health::Unhealthy, vec![], 2),
        (Health::Leaving, vec![], 2),
        (Health::Healthy, vec![at(1), at(2)], 0),
    ] {
        let group = [healthy([1, 2]), with(health, [7, 8])].concat();
        let changes = reconcile(&whole([7, 8]), &group, &missed([1, 2]), &SETTINGS, 0);
        let found = (
            deregistered(&changes),
            changes.kept_healthy,
            changes.withheld,
        );
        assert_eq!(found, (left, kept, kept), "{health:?}");
    }
}

#[test]
fn what_stays_healthy_is_still_counted_and_leaves_later() {
    let mut state = missed([1, 2]);
    let group = |health| [healthy([1, 2]), with(health, [7, 8])].concat();
    for _ in 0..3 {
        let changes = reconcile(
            &whole([7, 8]),
            &group(Health::Unknown),
            &state,
            &SETTINGS,
            0,
        );
        assert!(deregistered(&changes).is_empty() && changes.kept_healthy == 2);
        state = changes.state;
    }
    let changes = reconcile(
        &whole([7, 8]),
        &group(Health::Healthy),
        &state,
        &SETTINGS,
        MINUTE,
    );
    assert_eq!(deregistered(&changes), [at(1), at(2)]);
}

#[test]
fn targets_that_do_not_serve_leave_while_healthy_ones_stay() {
    let group = [
        healthy([1]),
        with(Health::Unhealthy, [2]),
        with(Health::Unknown, [7]),
    ]
    .concat();
    let changes = reconcile(&whole([7]), &group, &missed([1, 2]), &SETTINGS, 0);
    assert_eq!(
        (
            deregistered(&changes),
            changes.kept_healthy,
            changes.withheld
        ),
        (vec![at(2)], 1, 1)
    );
}

#[test]
fn a_group_without_a_healthy_target_keeps_nothing_for_its_health() {
    for health in [Health::Unknown, Health::Unhealthy] {
        let changes = reconcile(
            &whole([7]),
            &with(health, [1, 7]),
            &missed([1]),
            &SETTINGS,
            0,
        );
        assert_eq!(
            (deregistered(&changes), changes.kept_healthy),
            (vec![at(1)], 0),
            "{health:?}"
        );
    }
}

#[test]
fn the_step_is_a_share_of_the_targets_that_serve() {
    // Four healthy ones, of which one is shown, and eight that do not serve yet: half of four is
    // two.
    let group = [healthy([1, 2, 3, 7]), with(Health::Unknown, 20..28)].concat();
    let shown: Vec<u8> = (20..28).chain([7]).collect();
    let changes = reconcile(&whole(shown), &group, &missed([1, 2, 3]), &SETTINGS, 0);
    assert_eq!(
        (deregistered(&changes), changes.withheld),
        (vec![at(1), at(2)], 1)
    );
}

#[test]
fn targets_on_a_port_that_is_no_longer_configured_leave() {
    let old = on_port(8443, [1, 2]);
    let mut state = State::default();
    for target in &old {
        state.targets.insert(
            target.address,
            Record {
                ours: true,
                ..Record::default()
            },
        );
    }
    let group = [old.clone(), healthy([1, 2])].concat();
    for count in 1..=2 {
        let changes = reconcile(&whole([1, 2]), &group, &state, &SETTINGS, MINUTE * count);
        assert!(deregistered(&changes).is_empty());
        assert!(
            old.iter()
                .all(|target| i64::from(changes.state.targets[&target.address].misses) == count)
        );
        state = changes.state;
    }
    let changes = reconcile(&whole([1, 2]), &group, &state, &SETTINGS, MINUTE * 3);
    assert_eq!(deregistered(&changes), [old[0].address, old[1].address]);
}

#[test]
fn targets_of_others_on_other_ports_stay_even_if_untracked_ones_are_removed() {
    let settings = Settings {
        remove_untracked: true,
        misses: 1,
        ..SETTINGS
    };
    let group = [on_port(8443, [1, 9]), healthy([1])].concat();
    let changes = reconcile(&whole([1]), &group, &tracked([1]), &settings, 0);
    assert_eq!((deregistered(&changes), changes.size), (vec![], 1));
}

#[test]
fn a_port_that_is_no_longer_configured_is_kept_while_a_name_is_in_doubt() {
    let old = on_port(8443, [1]);
    let record = Record {
        ours: true,
        misses: 9,
        ..Record::default()
    };
    let state = State {
        targets: BTreeMap::from([(old[0].address, record)]),
        ..State::default()
    };
    let group = [old, healthy([1, 2])].concat();
    let doubtful = ObservedAddresses {
        addresses: whole([1]).remove(0).resolved.unwrap().addresses,
        evidence: Evidence::Doubtful,
    };
    for resolved in [None, Some(doubtful)] {
        let observations = [
            whole([1]),
            vec![NameObservation {
                name: "b".to_owned(),
                resolved,
                ..whole([2]).remove(0)
            }],
        ]
        .concat();
        let changes = reconcile(&observations, &group, &state, &SETTINGS, 0);
        assert_eq!(deregistered(&changes), []);
        assert!(
            changes
                .state
                .targets
                .values()
                .any(|record| record.misses == 9)
        );
    }
}

#[test]
fn the_registration_of_an_address_in_its_earlier_zone_leaves_once_the_new_one_serves() {
    let in_zone = |zone: &str, health| TargetHealth {
        zone: Some(zone.to_owned()),
        health,
        ..healthy([1]).remove(0)
    };
    let observations = |zone| {
        vec![NameObservation {
            zone,
            ..whole([1]).remove(0)
        }]
    };
    for (zone, old, new) in [
        (Zone::All, "eu-central-1a", "all"),
        (Zone::None, "all", "eu-central-1a"),
    ] {
        for flipped in [false, true] {
            let mut group = vec![in_zone(old, Health::Healthy), in_zone(new, Health::Unknown)];
            if flipped {
                group.reverse();
            }
            let waiting = reconcile(&observations(zone), &group, &tracked([1]), &SETTINGS, 0);
            assert!(
                waiting.deregister.is_empty() && waiting.register.is_empty(),
                "{zone:?}"
            );

            group
                .iter_mut()
                .for_each(|target| target.health = Health::Healthy);
            let changes = reconcile(&observations(zone), &group, &waiting.state, &SETTINGS, 0);
            let leaving = Target {
                address: at(1),
                zone: Some(old.to_owned()).filter(|zone| zone == "all"),
            };
            assert_eq!(changes.deregister, [leaving], "{zone:?}");
            assert!(changes.state.targets[&at(1)].ours && changes.register.is_empty());
            // Somebody else's registration stays.
            let changes = reconcile(&observations(zone), &group, &State::default(), &SETTINGS, 0);
            assert!(changes.deregister.is_empty());
        }
    }
}

#[test]
fn an_address_that_leaves_leaves_in_both_zones() {
    let in_zone = |zone: &str| TargetHealth {
        zone: Some(zone.to_owned()),
        ..healthy([1]).remove(0)
    };
    let group = [vec![in_zone("all"), in_zone("eu-central-1a")], healthy([2])].concat();
    let changes = reconcile(&whole([2]), &group, &missed([1]), &SETTINGS, 0);
    assert_eq!(deregistered(&changes), [at(1), at(1)]);
    assert_ne!(changes.deregister[0].zone, changes.deregister[1].zone);
}

#[test]
fn a_clock_that_was_ahead_stops_neither_counting_nor_leaving() {
    let now = 1_795_305_600_000;
    for ahead in [
        2 * MINUTE,
        60 * MINUTE,
        31 * 24 * 60 * MINUTE,
        i64::MAX - now,
    ] {
        let record = Record {
            ours: true,
            misses: 1,
            counted_at: Some(now + ahead),
            ..Record::default()
        };
        let targets = BTreeMap::from([(at(9), record)]);
        let mut state = State {
            stepped_at: Some(now + ahead),
            copies_until: Some(now + ahead),
            targets,
        };
        let mut left = Vec::new();
        for run in 0..4 {
            let changes = reconcile(
                &whole([1]),
                &healthy([1, 9]),
                &state,
                &SETTINGS,
                now + run * MINUTE,
            );
            left.extend(deregistered(&changes));
            state = changes.state;
        }
        assert_eq!(left.first(), Some(&at(9)), "{ahead} ms ahead");
    }
}

#[test]
fn a_clock_that_was_a_moment_ahead_counts_nothing_twice() {
    let mut state = tracked([1, 9]);
    state.targets.insert(
        at(9),
        Record {
            ours: true,
            misses: 1,
            counted_at: Some(2_000),
            ..Record::default()
        },
    );
    let changes = reconcile(&whole([1]), &healthy([1, 9]), &state, &SETTINGS, 0);
    assert_eq!(changes.state.targets[&at(9)].misses, 1);
}

#[test]
fn the_largest_numbers_of_a_state_overflow_nowhere() {
    for (instant, number) in [
        (i64::MIN, u32::MAX),
        (i64::MAX, u32::MAX),
        (0, u32::MAX),
        (i64::MIN, 0),
    ] {
        let record = Record {
            ours: true,
            misses: number,
            answers: number,
            counted_at: Some(instant),
            ..Record::default()
        };
        let targets = BTreeMap::from([(at(9), record)]);
        let state = State {
            stepped_at: Some(instant),
            copies_until: Some(instant),
            targets,
        };
        let copies_for = Duration::from_secs(60);
        for evidence in [
            Evidence::Whole,
            Evidence::Sample {
                answers: u32::MAX,
                size: 1,
                copies_for,
                is_uniform: false,
            },
        ] {
            let mut observations = whole([1]);
            observations[0].resolved.as_mut().unwrap().evidence = evidence;
            for now in [0, i64::MIN, i64::MAX] {
                let _ = reconcile(&observations, &healthy([1, 9]), &state, &SETTINGS, now);
            }
        }
    }
}

#[test]
fn a_healthy_target_of_a_name_that_shows_parts_needs_more_answers_than_one_that_is_not() {
    let part = |answers| {
        let mut observations = whole([1]);
        let evidence = Evidence::Sample {
            answers,
            size: 1,
            copies_for: Duration::ZERO,
            is_uniform: false,
        };
        observations[0].resolved.as_mut().unwrap().evidence = evidence;
        observations
    };
    let misses = |health, answers| {
        let group = [healthy([1]), with(health, [2])].concat();
        reconcile(&part(answers), &group, &tracked([1, 2]), &SETTINGS, 0)
            .state
            .targets[&at(2)]
            .misses
    };
    for (health, needed) in [
        (Health::Healthy, 66),
        (Health::Unknown, 66),
        (Health::Unhealthy, 10),
    ] {
        assert_eq!(
            (misses(health, needed - 1), misses(health, needed)),
            (0, 1),
            "{health:?}"
        );
    }
}
