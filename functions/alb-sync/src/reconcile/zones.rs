//! The zones of registrations and deregistrations.

use sync_targets::Zone;

use super::scenarios::{SETTINGS, at, healthy, tracked, whole};

use super::*;

#[test]
fn a_target_is_deregistered_with_its_registered_zone() {
    let leaves = |zone: Zone, recorded: Option<&str>, reported: Option<&str>| {
        let observations = vec![NameObservation {
            zone,
            ..whole([1]).remove(0)
        }];
        let owned = |zone: Option<&str>| zone.map(str::to_owned);
        let mut state = tracked([1, 2]);
        state.targets.insert(
            at(2),
            Record {
                ours: true,
                zone: owned(recorded),
                misses: 2,
                ..Record::default()
            },
        );
        let mut group = healthy([1, 2]);
        group
            .iter_mut()
            .for_each(|target| target.zone = owned(reported));
        let changes = reconcile(&observations, &group, &state, &SETTINGS, 0);
        changes.deregister[0].zone.clone()
    };
    assert_eq!(leaves(Zone::None, None, None), None);
    assert_eq!(leaves(Zone::None, None, Some("eu-central-1a")), None);
    assert_eq!(leaves(Zone::All, Some("all"), None).as_deref(), Some("all"));
    assert_eq!(
        leaves(Zone::Auto, None, Some("all")).as_deref(),
        Some("all")
    );
    assert_eq!(
        leaves(Zone::Auto, Some("all"), Some("eu-central-1a")).as_deref(),
        Some("all")
    );
}

#[test]
fn the_same_address_in_another_zone_is_another_target() {
    let observations = |zone| {
        vec![NameObservation {
            zone,
            ..whole([1]).remove(0)
        }]
    };
    let group = |zone: Option<&str>| {
        vec![TargetHealth {
            zone: zone.map(str::to_owned),
            ..healthy([1]).remove(0)
        }]
    };
    for (zone, reported, expected) in [
        (Zone::All, Some("all"), 0),
        (Zone::All, Some("eu-central-1a"), 1),
        (Zone::None, Some("eu-central-1a"), 0),
        (Zone::None, Some("all"), 1),
        (Zone::Auto, Some("all"), 0),
    ] {
        let changes = reconcile(
            &observations(zone),
            &group(reported),
            &State::default(),
            &SETTINGS,
            0,
        );
        assert_eq!(changes.register.len(), expected, "{zone:?} {reported:?}");
        // Once it is registered, it is there whatever the report leaves out.
        let again = reconcile(
            &observations(Zone::All),
            &group(None),
            &changes.state,
            &SETTINGS,
            0,
        );
        assert_eq!(again.register.is_empty(), zone == Zone::All);
    }
}
