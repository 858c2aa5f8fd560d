//! The requests of five seconds.

use std::collections::BTreeMap;

use gateway::api::Exchange;
use metrics_publisher::Buckets;
use outcome::Decision;
use telemetry::milliseconds;

use crate::overview::{Figures, PlanDecisions};

/// The most plans whose decisions are counted separately.
const MAX_PLANS: usize = 50;
/// The longest name of a plan that is counted separately, in bytes.
const MAX_PLAN_BYTES: usize = 256;
/// The plan of all further plans, as in the metrics.
const OTHER: &str = "other";
/// The plan of requests without one, as in the metrics.
const NONE: &str = "none";

/// Counts of requests, and the distribution of their durations.
///
/// Durations are in the histogram of the metrics publisher, so that percentiles here and in
/// CloudWatch have the same error of 5 %. It has at most 250 buckets for durations from 1 µs to ten
/// hours, which is 8 KB.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    requests: u64,
    throttled: u64,
    unauthorized: u64,
    forbidden: u64,
    server_errors: u64,
    durations: Buckets,
    plans: BTreeMap<Box<str>, PlanCounts>,
}

/// The number of decisions on the requests of a plan.
#[derive(Clone, Copy, Debug, Default)]
struct PlanCounts {
    allowed: u64,
    throttled: u64,
    unavailable: u64,
    degraded: u64,
}

impl Slot {
    /// Counts a request.
    pub(super) fn add(&mut self, exchange: &Exchange) {
        self.requests += 1;
        match exchange.status {
            Some(401) => self.unauthorized += 1,
            Some(403) => self.forbidden += 1,
            Some(429) => self.throttled += 1,
            Some(500..) => self.server_errors += 1,
            _ => {}
        }
        if let Some(duration) = exchange.response_latency {
            self.durations.add(milliseconds(duration), 1);
        }

        let field = |name: &str| exchange.authorizer.get(name)?.as_str();
        if let Some(decision) = field("decision").and_then(Decision::from_word) {
            let plan = field("plan").filter(|plan| *plan != "-");
            self.count(plan.unwrap_or(NONE), PlanCounts::one(decision));
        }
    }

    /// Adds the counts of another slot.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.throttled += other.throttled;
        self.unauthorized += other.unauthorized;
        self.forbidden += other.forbidden;
        self.server_errors += other.server_errors;
        self.durations.merge(&other.durations);

        for (plan, counts) in &other.plans {
            self.count(plan, *counts);
        }
    }

    /// Adds to the counts of a plan, or to those of all further plans.
    fn count(&mut self, plan: &str, added: PlanCounts) {
        if let Some(counts) = self.plans.get_mut(plan) {
            counts.merge(added);
            return;
        }

        let has_room = self.plans.len() < MAX_PLANS && plan.len() <= MAX_PLAN_BYTES;
        let plan = if has_room { plan } else { OTHER };
        self.plans.entry(plan.into()).or_default().merge(added);
    }

    /// Returns the counts and percentiles.
    pub(super) fn figures(&self) -> Figures {
        let percentile = |part| self.durations.quantile(part).map(to_hundredths);
        Figures {
            requests: self.requests,
            throttled: Some(self.throttled),
            unauthorized: Some(self.unauthorized),
            forbidden: Some(self.forbidden),
            server_errors: self.server_errors,
            p50_ms: percentile(0.5),
            p95_ms: percentile(0.95),
            p99_ms: percentile(0.99),
        }
    }

    /// Returns the decisions by plan, the plans with the most requests first.
    pub(super) fn decisions(&self) -> Vec<PlanDecisions> {
        let named = |(plan, counts)| (Box::as_ref(plan), counts);
        let mut plans: Vec<_> = self.plans.iter().map(named).collect();
        plans.sort_by_key(|(plan, counts)| (std::cmp::Reverse(counts.total()), *plan));

        let decisions = |(plan, counts): (&str, &PlanCounts)| PlanDecisions {
            plan: plan.to_owned(),
            allowed: counts.allowed,
            throttled: counts.throttled,
            unavailable: counts.unavailable,
            degraded: counts.degraded,
        };
        plans.into_iter().map(decisions).collect()
    }
}

impl PlanCounts {
    /// Returns the counts of one decision.
    fn one(decision: Decision) -> Self {
        let mut counts = Self::default();
        match decision {
            Decision::Allowed => counts.allowed = 1,
            Decision::Throttled => counts.throttled = 1,
            Decision::Unavailable => counts.unavailable = 1,
            Decision::Degraded => counts.degraded = 1,
            // The authorizer responds with 401 or 403 instead.
            Decision::Denied => {}
        }
        counts
    }

    fn merge(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.throttled += other.throttled;
        self.unavailable += other.unavailable;
        self.degraded += other.degraded;
    }

    const fn total(self) -> u64 {
        self.allowed + self.throttled + self.unavailable + self.degraded
    }
}

/// Rounds to two decimal places, which is more than the accuracy of the histogram.
fn to_hundredths(milliseconds: f64) -> f64 {
    (milliseconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::local::tests::exchange;

    #[test]
    fn statuses_are_counted_by_kind() {
        let mut slot = Slot::default();
        for status in [200, 204, 302, 400, 404, 401, 403, 403, 429, 500, 503, 599] {
            slot.add(&exchange(status));
        }
        let mut disconnected = exchange(0);
        disconnected.status = None;
        slot.add(&disconnected);

        let figures = slot.figures();
        let kinds = [
            Some(figures.requests),
            figures.unauthorized,
            figures.forbidden,
            figures.throttled,
            Some(figures.server_errors),
        ];
        assert_eq!(kinds, [13, 1, 2, 1, 3].map(Some));
    }

    #[test]
    fn percentiles_are_accurate_to_5_percent() {
        let (mut slot, mut half) = (Slot::default(), Slot::default());
        for milliseconds in 1..=1_000 {
            let mut exchange = exchange(200);
            exchange.response_latency = Some(Duration::from_millis(milliseconds));
            let target = if milliseconds % 2 == 0 {
                &mut slot
            } else {
                &mut half
            };
            target.add(&exchange);
        }
        slot.merge(&half);

        let figures = slot.figures();
        for (found, exact) in [
            (figures.p50_ms, 500.0),
            (figures.p95_ms, 950.0),
            (figures.p99_ms, 990.0),
        ] {
            let difference = (found.unwrap() - exact).abs();
            assert!(difference <= exact * 0.05, "{found:?} for {exact}");
        }
        assert_eq!(Slot::default().figures().p50_ms, None);
    }

    #[test]
    fn decisions_are_counted_by_plan() {
        let mut slot = Slot::default();
        let decided = |plan: &str, decision: &str| {
            let mut exchange = exchange(200);
            exchange.authorizer.insert("plan", plan.into());
            exchange.authorizer.insert("decision", decision.into());
            exchange
        };
        for (plan, decision) in [
            ("free", "allowed"),
            ("free", "throttled"),
            ("pro", "degraded"),
            ("free", "unavailable"),
            ("-", "allowed"),
            ("pro", "allowed"),
            ("pro", "-"),
        ] {
            slot.add(&decided(plan, decision));
        }

        let row =
            |plan: &str, [allowed, throttled, unavailable, degraded]: [u64; 4]| PlanDecisions {
                plan: plan.to_owned(),
                allowed,
                throttled,
                unavailable,
                degraded,
            };
        let expected = [
            row("free", [1, 1, 1, 0]),
            row("pro", [1, 0, 0, 1]),
            row("none", [1, 0, 0, 0]),
        ];
        assert_eq!(slot.decisions(), expected);
    }

    #[test]
    fn further_plans_are_counted_together() {
        let one = PlanCounts::one(Decision::Allowed);
        let (mut slot, mut next) = (Slot::default(), Slot::default());
        for number in 0..1_000 {
            slot.count(&format!("plan-{number}"), one);
            next.count(&format!("next-{number}"), one);
        }
        slot.merge(&next);

        let decisions = slot.decisions();
        assert_eq!(decisions.len(), MAX_PLANS + 1);
        assert_eq!((&*decisions[0].plan, decisions[0].allowed), (OTHER, 1_950));

        let mut slot = Slot::default();
        slot.count(&"x".repeat(MAX_PLAN_BYTES + 1), one);
        assert_eq!(slot.decisions()[0].plan, OTHER);
    }
}
