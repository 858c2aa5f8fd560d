//! A `tat` that no charge by a right clock can have written: somebody's clock is fast.
//!
//! Left alone it would keep its caller out until the real time gets there. It is brought back to what a bucket
//! that has just been emptied holds, once a minute at most, and only by an instance whose own clock has been
//! compared with the store's.

use crate::{Demand, Nanos, SECOND, Usage};

use super::expression::Clause;
use super::usage_item::bucket_name;

/// How far ahead of a bucket's depth a `tat` may be: more than a clock that has been compared can be off.
const TOLERANCE: Nanos = 5 * SECOND;
/// What is left ahead when it is brought back, so that a slow clock of our own does not give calls away.
const MARGIN: Nanos = 2 * SECOND;
/// A fast clock that goes on writing is not fought more often.
const PAUSE: Nanos = 60 * SECOND;

/// The write that brings back every bucket that is too far ahead. Empty where none is.
pub(super) fn clamp(demand: &Demand<'_>, seen: &Usage) -> Vec<Clause> {
    let lower = |bucket: &crate::Bucket| {
        let full = demand.now() + bucket.depth(bucket.emission_for(0)?);
        let above = full + TOLERANCE;
        let attribute = bucket_name(bucket.id);
        (seen.tat(bucket.id)? > above).then_some(Clause::Lower { attribute, above, to: full + MARGIN })
    };
    demand.buckets().filter_map(lower).collect()
}

/// Whether a clamp that was last made at `last` may be made again.
pub(super) fn is_due(last: Option<Nanos>, now: Nanos) -> bool {
    last.is_none_or(|last| now - last >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, PlanDocument};

    const NOW: Nanos = 1_795_348_800 * SECOND;

    fn plan() -> Plan {
        let document: PlanDocument = serde_json::from_str(r#"{"throttle":{"rate":1,"burst":5}}"#).unwrap();
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
        let [Clause::Lower { above, to, .. }] = &clamped(10 * SECOND + 1)[..] else { panic!("one bucket") };
        assert_eq!((*above, *to), (NOW + 10 * SECOND, NOW + 7 * SECOND));
    }

    #[test]
    fn a_clamp_is_made_once_a_minute() {
        assert!(is_due(None, NOW));
        assert!(!is_due(Some(NOW), NOW + 59 * SECOND));
        assert!(is_due(Some(NOW), NOW + 60 * SECOND));
    }
}
