//! Properties of any history of responses, failures and overlapping runs.

use proptest::prelude::*;
use sync_targets::Zone;

use std::collections::BTreeSet;

use super::*;
use crate::sampling::Evidence;
use crate::target::Health;

const MINUTE: i64 = 60_000;

/// What a run finds.
#[derive(Clone, Debug)]
enum Found {
    /// A whole answer: the addresses of this bit mask.
    Whole(u8),
    /// A part of the answers.
    Part { mask: u8, answers: u32 },
    /// Nothing.
    Failure,
}

/// One run of a history.
#[derive(Clone, Debug)]
struct Step {
    found: Found,
    after_ms: i64,
    /// Whether another run works on what was there before this one.
    overlaps: bool,
    /// Which targets are unhealthy.
    sick: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let found = prop_oneof![
        5 => (1u8..).prop_map(Found::Whole),
        2 => (1u8.., 1u32..6).prop_map(|(mask, answers)| Found::Part { mask, answers }),
        1 => Just(Found::Failure),
    ];
    let after = prop_oneof![4 => Just(MINUTE), 1 => 0i64..MINUTE, 1 => MINUTE..10 * MINUTE];
    let step =
        (found, after, any::<bool>(), any::<u8>()).prop_map(|(found, after_ms, overlaps, sick)| {
            Step {
                found,
                after_ms,
                overlaps,
                sick,
            }
        });
    prop::collection::vec(step, 1..60)
}

fn settings() -> impl Strategy<Value = Settings> {
    (1u32..5, 1u32..=100).prop_map(|(misses, max_percent)| Settings {
        misses,
        interval_ms: MINUTE,
        max_percent,
        remove_untracked: false,
    })
}

fn at(bit: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, bit], 443))
}

fn bits(mask: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |bit| mask & (1 << bit) != 0)
}

fn observations(found: &Found) -> Vec<NameObservation> {
    let (mask, evidence) = match found {
        Found::Whole(mask) => (*mask, Evidence::Whole),
        Found::Part { mask, answers } => (
            *mask,
            Evidence::Sample {
                answers: *answers,
                size: 4,
                copies_for: std::time::Duration::ZERO,
                is_uniform: true,
            },
        ),
        Found::Failure => (0, Evidence::Whole),
    };
    let addresses = bits(mask).map(|bit| at(bit).ip()).collect();
    let resolved = (!matches!(found, Found::Failure)).then_some(ObservedAddresses {
        addresses,
        evidence,
    });
    vec![NameObservation {
        name: "a".to_owned(),
        port: 443,
        zone: Zone::Auto,
        resolved,
    }]
}

/// A group and its state, with who is allowed to have left.
#[derive(Default)]
struct World {
    group: BTreeSet<u8>,
    state: State,
    now: i64,
    /// Intervals of evidence without a target, since it was last shown: counted by time, as slack
    /// as the code is.
    without: BTreeMap<u8, (u32, i64)>,
    /// Just registered, so that nobody knows their health.
    fresh: BTreeSet<u8>,
}

impl World {
    fn reported(&self, sick: u8) -> Vec<TargetHealth> {
        let health = |bit: u8| match (self.fresh.contains(&bit), sick & (1 << bit)) {
            (true, _) => Health::Unknown,
            (false, 0) => Health::Healthy,
            (false, _) => Health::Unhealthy,
        };
        self.group
            .iter()
            .map(|bit| TargetHealth {
                address: at(*bit),
                zone: None,
                health: health(*bit),
            })
            .collect()
    }

    /// Counts for itself in how many intervals something was known that did not show a target.
    fn observe(&mut self, step: &Step) {
        self.now += step.after_ms;
        self.fresh.clear();
        let (mask, known) = match step.found {
            Found::Whole(mask) | Found::Part { mask, .. } => (mask, true),
            Found::Failure => (0, false),
        };
        for bit in 0..8 {
            if mask & (1 << bit) != 0 {
                self.without.remove(&bit);
            } else if known && self.group.contains(&bit) {
                let (count, since) = self.without.get(&bit).copied().unwrap_or((0, i64::MIN / 2));
                if self.now - since >= MINUTE / 10 * 9 {
                    self.without.insert(bit, (count + 1, self.now));
                }
            }
        }
    }

    fn apply(&mut self, changes: &Changes) {
        for target in &changes.deregister {
            self.group.retain(|bit| at(*bit) != target.address);
        }
        for bit in (0..8).filter(|bit| {
            changes
                .register
                .iter()
                .any(|registration| registration.address == at(*bit))
        }) {
            self.group.insert(bit);
            self.fresh.insert(bit);
            self.without.remove(&bit);
        }
        self.state = changes.state.clone();
    }
}

proptest! {
    #[test]
    fn no_target_leaves_without_enough_intervals_of_evidence(steps in steps(), settings in settings()) {
        let mut world = World { group: (0..8).collect(), ..World::default() };
        for step in steps {
            world.observe(&step);
            let reported = world.reported(step.sick);
            let observations = observations(&step.found);
            let changes = reconcile(&observations, &reported, &world.state, &settings, world.now);
            for target in &changes.deregister {
                let bit = (0..8).find(|bit| at(*bit) == target.address).unwrap();
                let sick = step.sick & (1 << bit) != 0;
                let least = if sick { settings.misses.min(2) } else { settings.misses };
                prop_assert!(world.without.get(&bit).is_some_and(|(count, _)| *count >= least), "{bit}");
            }
            // Nothing that serves leaves before something that a name shows serves.
            let serves = |target: &TargetHealth| target.health == Health::Healthy;
            let is_shown = |target: &TargetHealth| {
                let resolved = observations[0].resolved.as_ref();
                resolved.is_some_and(|resolved| resolved.addresses.contains(&target.address.ip()))
            };
            if !reported.iter().any(|target| serves(target) && is_shown(target)) {
                let left = |target: &&TargetHealth| changes.deregister.iter().any(|one| one.address == target.address);
                prop_assert!(!reported.iter().filter(left).any(serves));
            }
            prop_assert!(changes.deregister.len() <= (reported.len() * settings.max_percent as usize / 100).max(1));
            if matches!(step.found, Found::Failure) {
                prop_assert!(changes.register.is_empty() && changes.deregister.is_empty());
                prop_assert_eq!(&changes.state, &world.state);
            }
            // The version of the state is the same for both: only one of them gets to write it.
            if step.overlaps {
                let twin = reconcile(&observations, &reported, &world.state, &settings, world.now);
                prop_assert_eq!(&twin, &changes);
            }
            world.apply(&changes);
        }
    }

    #[test]
    fn every_absent_target_leaves_after_its_misses_and_one_interval_per_target(
        steps in steps(), settings in settings(), alive in 1u8..,
    ) {
        let mut world = World::default();
        for step in steps {
            world.observe(&step);
            let changes =
                reconcile(&observations(&step.found), &world.reported(0), &world.state, &settings, world.now);
            world.apply(&changes);
        }
        for _ in 0..settings.misses + 8 {
            world.now += MINUTE;
            world.fresh.clear();
            let found = observations(&Found::Whole(alive));
            let changes = reconcile(&found, &world.reported(0), &world.state, &settings, world.now);
            world.apply(&changes);
        }
        prop_assert_eq!(&world.group, &bits(alive).collect());
    }

    #[test]
    fn reconciling_again_changes_nothing(steps in steps(), settings in settings()) {
        let mut world = World { group: (0..4).collect(), ..World::default() };
        for step in steps {
            world.observe(&step);
            let found = observations(&step.found);
            let changes = reconcile(&found, &world.reported(step.sick), &world.state, &settings, world.now);
            world.apply(&changes);
            let again = reconcile(&found, &world.reported(step.sick), &world.state, &settings, world.now);
            prop_assert!(again.register.is_empty() && again.deregister.is_empty());
            prop_assert_eq!(&again.state, &world.state);
        }
    }

    #[test]
    fn every_resolved_address_is_registered_in_the_same_run(mask in 1u8.., group: u8, settings in settings()) {
        let world = World { group: bits(group).collect(), ..World::default() };
        let found = observations(&Found::Whole(mask));
        let changes = reconcile(&found, &world.reported(0), &world.state, &settings, 0);
        let registration: BTreeSet<_> = changes.register.iter().map(|registration| registration.address).collect();
        prop_assert_eq!(registration, bits(mask & !group).map(at).collect());
        prop_assert!(changes.register.iter().all(|registration| changes.claim.targets[&registration.address].ours));
    }
}
