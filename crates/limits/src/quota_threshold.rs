//! Thresholds of a quota, whose crossing is logged.

use std::fmt;
use std::sync::Arc;

use crate::{Caller, Quota, Usage, Window};

/// The maximum number of thresholds of a quota.
pub(crate) const MAX_THRESHOLDS: usize = 8;
/// The parts of a share of 1.
const PARTS: u32 = 1_000_000;
/// The greatest share, which only a quota with overage reaches.
const MAX_SHARE: u32 = 10 * PARTS;

/// A share of a quota, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// A threshold that a caller has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaThreshold {
    /// The name of the quota.
    pub quota: Arc<str>,
    /// The share of the quota.
    pub share: Share,
    /// The calls used in the window.
    pub used: u64,
    /// The limit of the window, including granted calls.
    pub limit: u64,
    /// The window.
    pub window: Window,
}

impl Share {
    /// Returns a share above 0 and up to 10 with at most 6 decimals. `None` for another number.
    pub(crate) fn new(share: f64) -> Option<Self> {
        let parts = share * f64::from(PARTS);
        let is_valid = parts > 0.0 && parts <= f64::from(MAX_SHARE);
        if !is_valid || (parts - parts.round()).abs() > 1e-3 {
            return None;
        }

        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is above 0 and at most 10⁷"
        )]
        let parts = parts.round() as u32;
        (parts > 0).then_some(Self(parts))
    }

    /// Returns the number of calls at which this share of `limit` is reached.
    #[must_use]
    pub fn of(self, limit: u64) -> u64 {
        let calls = (u128::from(limit) * u128::from(self.0)).div_ceil(u128::from(PARTS));
        u64::try_from(calls).unwrap_or(u64::MAX)
    }
}

/// Writes the share as a decimal number.
impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", f64::from(self.0) / f64::from(PARTS))
    }
}

impl Quota {
    /// Returns the limit of a window, including granted calls.
    #[must_use]
    pub fn limit_in(&self, window: &Window, usage: &Usage) -> u64 {
        self.limit.saturating_add_signed(usage.granted(window.id))
    }

    /// Returns the thresholds that `usage` has reached in the window, above `marked` calls. Those up
    /// to `marked` were logged before.
    pub fn reached(
        &self,
        window: &Window,
        usage: &Usage,
        marked: u64,
    ) -> impl Iterator<Item = QuotaThreshold> {
        let (limit, used) = (self.limit_in(window, usage), usage.used(window.id));
        let is_reached = move |share: &&Share| {
            let calls = share.of(limit);
            calls > marked && calls <= used
        };

        let shares = self.warn_at.iter().filter(is_reached);
        shares.map(move |share| QuotaThreshold {
            quota: Arc::clone(&self.name),
            share: *share,
            used,
            limit,
            window: *window,
        })
    }
}

impl QuotaThreshold {
    /// Returns the id of the event: 32 hexadecimal digits that depend on the caller, the quota, the
    /// window, the share and the limit. The same crossing has the same id on every instance. After
    /// a grant, the limit and therefore the id differ.
    #[must_use]
    pub fn id(&self, caller: &Caller) -> String {
        use sha2::{Digest as _, Sha256};
        use std::fmt::Write as _;

        let window = self.window.id;
        let text = format!(
            "{caller}\n{}\n{}\n{}\n{}\n{}",
            self.quota, window.calendar.0, window.first_day, self.share.0, self.limit
        );
        let hash = Sha256::digest(text.as_bytes());
        hash.iter().take(16).fold(String::new(), |mut id, byte| {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Demand, Nanos, Plan, SECOND};
    use proptest::prelude::*;

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn plan(limit: u64, warn_at: &str) -> Result<Plan, String> {
        let document = format!(
            r#"{{"quotas":[{{"limit":{limit},"period":"day","overage":"allow","warn_at":{warn_at}}}]}}"#
        );
        let document = serde_json::from_str(&document).map_err(|error| error.to_string())?;
        Plan::new("p", document).map_err(|error| error.to_string())
    }

    fn reached(plan: &Plan, calls: u64, granted: i64, marked: u64) -> Vec<String> {
        let mut usage = Usage::default();
        let demand = Demand::new(plan, None, calls, NOON).unwrap();
        let _ = demand.charge(&mut usage);
        let (quota, window) = demand.windows()[0];
        usage.adjust(window.id, window.end, -granted, granted);

        let reached = quota.reached(&window, &usage, marked);
        reached
            .map(|threshold| threshold.share.to_string())
            .collect()
    }

    #[test]
    fn threshold_is_reached_with_its_last_call() {
        let plan = plan(10, "[0.8, 1.0, 1.55]").unwrap();
        for (calls, marked, expected) in [
            (7, 0, vec![]),
            (8, 0, vec!["0.8"]),
            (9, 8, vec![]),
            (10, 9, vec!["1"]),
            (15, 0, vec!["0.8", "1"]),
            (16, 10, vec!["1.55"]),
        ] {
            assert_eq!(
                reached(&plan, calls, 0, marked),
                expected,
                "{calls} {marked}"
            );
        }
    }

    #[test]
    fn grant_raises_the_thresholds() {
        let plan = plan(10, "[0.8, 1]").unwrap();
        assert_eq!(reached(&plan, 10, 10, 0), [""; 0]);
        assert_eq!(reached(&plan, 16, 10, 10), ["0.8"]);
        assert_eq!(reached(&plan, 20, 10, 16), ["1"]);
    }

    #[test]
    fn invalid_shares_are_mistakes() {
        for warn_at in [
            "[0]",
            "[-0.5]",
            "[10.1]",
            "[0.8,0.8]",
            "[1,0.8]",
            "[0.1234567]",
            "[1e400]",
            "[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]",
        ] {
            assert!(plan(10, warn_at).is_err(), "{warn_at}");
        }
        assert!(plan(10, "[0.000001,0.1,0.29,0.57,0.7,0.999999,1,10]").is_ok());
    }

    #[test]
    fn id_depends_on_the_crossing_and_nothing_else() {
        let plan = plan(10, "[0.8, 1]").unwrap();
        let usage = |calls| {
            let mut usage = Usage::default();
            let demand = Demand::new(&plan, None, calls, NOON).unwrap();
            let _ = demand.charge(&mut usage);
            let (quota, window) = demand.windows()[0];
            quota.reached(&window, &usage, 0).collect::<Vec<_>>()
        };
        let (caller, other) = (Caller::Key("a".to_owned()), Caller::Key("b".to_owned()));
        let (eight, ten) = (usage(8), usage(10));

        assert_eq!(eight[0].id(&caller), ten[0].id(&caller));
        assert_ne!(ten[0].id(&caller), ten[1].id(&caller));
        assert_ne!(ten[0].id(&caller), ten[0].id(&other));
        assert_eq!(ten[0].id(&caller).len(), 32);
    }

    proptest! {
        #[test]
        fn share_of_a_limit_is_exact(parts in 1..=MAX_SHARE, limit in 0..=crate::MAX_LIMIT) {
            let share = Share::new(f64::from(parts) / f64::from(PARTS)).unwrap();
            prop_assert_eq!(share, Share(parts));
            let calls = u128::from(share.of(limit));
            let exact = u128::from(limit) * u128::from(parts);
            prop_assert!(calls * u128::from(PARTS) >= exact);
            prop_assert!(calls == 0 || (calls - 1) * u128::from(PARTS) < exact);
        }
    }
}
