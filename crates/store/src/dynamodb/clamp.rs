//! A `tat` that no charge with a correct clock can have written, because some clock is fast.
//!
//! Without a correction, its caller would be refused until the real time reaches the `tat`. It is
//! reset to the state of a bucket that was just emptied. This happens at most once per minute, and
//! only on an instance whose clock was compared with the store's.

use limits::{Demand, Nanos, SECOND, Usage};

use super::expression::Clause;
use super::usage_item::{bucket_name, slot_name};

/// How far a `tat` may exceed the depth of its bucket: more than the error of a compared clock.
const TOLERANCE: Nanos = 5 * SECOND;
/// How far a reset `tat` exceeds the depth, so that a slow clock gives no calls away.
const MARGIN: Nanos = 2 * SECOND;
/// The interval of resets, because a fast clock may keep writing.
const PAUSE: Nanos = 60 * SECOND;

/// Returns the write that resets every bucket that is too far ahead. It is empty if there is none.
pub(super) fn clamp(demand: &Demand<'_>, seen: &Usage) -> Vec<Clause> {
    let lower = |bucket: &limits::Bucket| {
        let full = demand.now() + bucket.depth(bucket.emission_for(0)?);
        let above = full + TOLERANCE;
        let attribute = bucket_name(bucket.id);
        (seen.tat(bucket.id)? > above).then_some(Clause::Lower {
            attribute,
            above,
            to: full + MARGIN,
        })
    };
    demand
        .buckets()
        .filter_map(lower)
        .chain(lowered_slots(demand, seen))
        .collect()
}

/// Resets a sliding window that was begun too early to the present or the previous one, as used up.
fn lowered_slots(demand: &Demand<'_>, seen: &Usage) -> Vec<Clause> {
    let Some(window) = demand.sliding() else {
        return Vec::new();
    };
    let (start, above) = (
        window.start_of(demand.now()),
        demand.now() + window.width() + TOLERANCE,
    );
    let (present, previous) = window.slots_at(start);
    let lower = |(slot, start)| {
        let to = start + Nanos::from(window.limit);
        (seen.slot(slot)? > above).then(|| Clause::Lower {
            attribute: slot_name(slot),
            above,
            to,
        })
    };
    [(present, start), (previous, start - window.width())]
        .into_iter()
        .filter_map(lower)
        .collect()
}

/// Returns true if another reset is due after the one at `last`.
pub(super) fn is_due(last: Option<Nanos>, now: Nanos) -> bool {
    last.is_none_or(|last| now - last >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::{Plan, PlanDocument};

    const NOW: Nanos = 1_795_348_800 * SECOND;

    fn plan() -> Plan {
        let document: PlanDocument =
            serde_json::from_str(r#"{"throttle":{"rate":1,"burst":5}}"#).unwrap();
        Plan::new("p", document).unwrap()
    }

    fn clamped(ahead: Nanos) -> Vec<Clause> {
        let plan = plan();
        let demand = Demand::new(&plan, None, 1, NOW).unwrap();
        let id = plan.bucket.as_ref().unwrap().id;
        clamp(&demand, &Usage::new(vec![(id, NOW + ahead)], Vec::new()))
    }

    #[test]
    fn only_what_no_right_clock_can_have_written_is_brought_back() {
        assert_eq!(clamped(5 * SECOND), []);
        assert_eq!(clamped(10 * SECOND), []);
        let [Clause::Lower { above, to, .. }] = &clamped(10 * SECOND + 1)[..] else {
            panic!("one bucket")
        };
        assert_eq!((*above, *to), (NOW + 10 * SECOND, NOW + 7 * SECOND));
    }

    #[test]
    fn a_sliding_window_that_was_opened_too_early_is_brought_back_as_used_up() {
        let document = r#"{"algorithm":"sliding_window","window_s":10,"limit":7}"#;
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(document).unwrap()).unwrap();
        let demand = Demand::new(&plan, None, 1, NOW).unwrap();
        let [even, _] = plan.sliding.as_ref().unwrap().slots;
        let clamped = |ahead: Nanos| {
            clamp(
                &demand,
                &Usage::default().with_slots(vec![(even, NOW + ahead)]),
            )
        };
        assert_eq!(clamped(15 * SECOND), []);
        let [Clause::Lower { to, .. }] = &clamped(3600 * SECOND)[..] else {
            panic!("one slot")
        };
        assert!([NOW + 7, NOW - 10 * SECOND + 7].contains(to), "{to}");
    }

    #[test]
    fn a_clamp_is_made_once_a_minute() {
        assert!(is_due(None, NOW));
        assert!(!is_due(Some(NOW), NOW + 59 * SECOND));
        assert!(is_due(Some(NOW), NOW + 60 * SECOND));
    }
}
