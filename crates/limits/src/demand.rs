//! The demand of one call on the limits of its plan: it takes from all of them, or from none.

use std::sync::Arc;

use arrayvec::ArrayVec;
use jiff::civil::Date;

use crate::bucket::Bucket;
use crate::plan_bounds::MAX_QUOTAS;
use crate::sliding::{Position, SlidingWindow};
use crate::state::{Charge, Count};
use crate::{
    Decision, Limit, Limits, Nanos, Plan, Quota, RouteLimit, Usage, Verdict, Window, whole_seconds,
};

/// The units that one call takes from the limits of its plan at one instant.
///
/// [`evaluate`](Self::evaluate) does not change it, so it can be evaluated more than once.
#[derive(Debug)]
pub struct Demand<'p> {
    plan: &'p Plan,
    route: Option<&'p RouteLimit>,
    cost: u64,
    calls: u64,
    now: Nanos,
    /// The day of usage reports. `None` if the instant is outside the calendar.
    report_day: Option<Date>,
    windows: ArrayVec<(&'p Quota, Window), MAX_QUOTAS>,
    own_limits: OwnLimits,
}

/// The effect of a demand on the plan's own limits. The bucket of the route is always charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnLimits {
    /// All of them are charged, as for a call.
    Charged,
    /// The rate must admit the cost, but is not charged. Quotas are ignored.
    RateChecked,
    /// All of them are ignored.
    Ignored,
}

/// The wait that a refusal by a quota without an end asks for: one day. Only a grant makes room, and
/// it may be made at any time.
const GRANT_WAIT: Nanos = 86_400 * crate::SECOND;

/// At most one refusal per rate limit and one per quota.
type Refusals<'p> = ArrayVec<Refusal<'p>, { 2 + MAX_QUOTAS }>;

/// The refusal of a call by one limit.
struct Refusal<'p> {
    name: &'p Arc<str>,
    wait: Nanos,
    is_quota: bool,
}

impl<'p> Demand<'p> {
    /// Returns the demand of a call. `None` if `now` is outside the calendar.
    #[inline]
    #[must_use]
    pub fn new(
        plan: &'p Plan,
        route: Option<&'p RouteLimit>,
        cost: u64,
        now: Nanos,
    ) -> Option<Self> {
        let mut windows = ArrayVec::new();
        for quota in &plan.quotas {
            windows.try_push((quota, quota.window(now)?)).ok()?;
        }

        Some(Self {
            plan,
            route,
            cost,
            calls: 1,
            now,
            report_day: plan.report_day(now),
            windows,
            own_limits: OwnLimits::Charged,
        })
    }

    /// Returns the demand of a caller's query of its own usage. It takes one token from the bucket
    /// for such queries. The plan's rate must admit one call, but is not charged. A plan in shadow
    /// mode is not checked.
    #[must_use]
    pub fn usage_query(plan: &'p Plan, now: Nanos) -> Self {
        let own_limits = if plan.shadow {
            OwnLimits::Ignored
        } else {
            OwnLimits::RateChecked
        };

        Self {
            plan,
            route: Some(&plan.usage_query),
            cost: 1,
            calls: 1,
            now,
            report_day: plan.report_day(now),
            windows: ArrayVec::new(),
            own_limits,
        }
    }

    /// Returns the same demand at another instant, on a share of its plan and of its route's limit.
    /// `None` if `now` is outside the calendar.
    pub fn on_share<'s>(
        &self,
        plan: &'s Plan,
        route: Option<&'s RouteLimit>,
        now: Nanos,
    ) -> Option<Demand<'s>> {
        if self.own_limits == OwnLimits::Charged {
            let calls = self.calls;
            return Demand::new(plan, route, self.cost, now)
                .map(|demand| Demand { calls, ..demand });
        }

        let (cost, own_limits) = (self.cost, self.own_limits);
        Some(Demand {
            plan,
            route,
            cost,
            calls: self.calls,
            now,
            report_day: plan.report_day(now),
            windows: ArrayVec::new(),
            own_limits,
        })
    }

    /// Returns the same demand at another instant. `None` if `now` is outside the calendar.
    #[must_use]
    pub fn at(&self, now: Nanos) -> Option<Self> {
        self.on_share(self.plan, self.route, now)
    }

    /// Returns the demand of several such calls at once.
    pub fn times(&self, calls: u64) -> Self {
        Self {
            cost: self.cost.saturating_mul(calls),
            calls: self.calls.saturating_mul(calls),
            windows: self.windows.clone(),
            ..*self
        }
    }

    /// Decides on the call without charging it. The limits in the decision are those after the call.
    #[must_use]
    pub fn evaluate(&self, usage: &Usage) -> Decision {
        let mut charge = Charge::default();
        if let Some(refusal) = self.check(usage, &mut charge) {
            return self.refused(refusal, usage);
        }

        let (tats, counts) = (&charge.tats, &charge.counts);
        let taken = if self.is_call() { self.cost } else { 0 };
        let position = self.position(usage).map(|position| position.after(taken));
        let tat = |index: usize, _: &Bucket| Some(tats[index].1);
        self.decision_with_limits(Verdict::Allowed, usage, position, tat, |index, _| {
            counts[index].net
        })
    }

    /// Decides on the call without charging it. The limits in the decision are those before the call.
    #[must_use]
    pub fn peek(&self, usage: &Usage) -> Decision {
        match self.evaluate(usage).verdict {
            Verdict::Impossible => Decision::of(Verdict::Impossible),
            verdict => self.standing(verdict, usage),
        }
    }

    /// Decides on the call, and charges `usage` if the call is allowed.
    pub fn charge(&self, usage: &mut Usage) -> Decision {
        let mut charge = Charge::default();
        if let Some(refusal) = self.check(usage, &mut charge) {
            return self.refused(refusal, usage);
        }

        usage.apply(&charge, self.now);
        self.standing(Verdict::Allowed, usage)
    }

    /// True if a rate of the plan never admits the call, whatever was used or granted.
    #[must_use]
    pub fn exceeds_rates(&self) -> bool {
        self.buckets()
            .any(|bucket| bucket.emission_for(self.cost).is_none())
            || self
                .sliding()
                .is_some_and(|window| window.limit == 0 || self.cost > window.limit)
    }

    /// True if waiting does not help. If the reason is a quota, a further grant does.
    #[must_use]
    pub fn is_impossible(&self, usage: &Usage) -> bool {
        self.exceeds_rates()
            || self.windows.iter().any(|(quota, window)| {
                let limit = quota.limit.saturating_add(usage.granted_extra(window.id));
                quota.is_hard && (limit == 0 || self.cost > limit)
            })
    }

    /// Returns the verdict on a call that is refused. The changes of an allowed call are in `charge`.
    fn check(&self, usage: &Usage, charge: &mut Charge) -> Option<Verdict> {
        if self.is_impossible(usage) {
            return Some(Verdict::Impossible);
        }

        let mut refusals = Refusals::new();
        self.check_sliding(usage, charge, &mut refusals);
        self.check_buckets(usage, charge, &mut refusals);
        self.check_quotas(usage, charge, &mut refusals);
        (!refusals.is_empty()).then(|| throttled(&refusals))
    }

    fn refused(&self, verdict: Verdict, usage: &Usage) -> Decision {
        match verdict {
            Verdict::Impossible => Decision::of(verdict),
            verdict => self.standing(verdict, usage),
        }
    }

    /// True if a rate refuses the call, not only a quota. Only time changes that.
    pub fn rate_refuses(&self, usage: &Usage) -> bool {
        let waits =
            |window: &SlidingWindow| window.wait(&window.position(usage, self.now), self.cost) > 0;
        if self.sliding().is_some_and(waits) {
            return true;
        }

        self.buckets().any(|bucket| {
            let emission = bucket.emission_for(self.cost);
            emission.is_none_or(|emission| {
                bucket
                    .take(emission, usage.tat(bucket.id), self.cost, self.now)
                    .is_err()
            })
        })
    }

    /// Returns a decision with this verdict and with the limits before the call.
    pub fn standing(&self, verdict: Verdict, usage: &Usage) -> Decision {
        let position = self.position(usage);

        self.decision_with_limits(
            verdict,
            usage,
            position,
            |_, bucket| usage.tat(bucket.id),
            |_, window| usage.count(window.id),
        )
    }

    /// Returns the decision on an allowed call with the limits in `usage`, which contains `unspent`
    /// units that no call has used yet.
    pub fn standing_less(&self, usage: &Usage, unspent: u64) -> Decision {
        let (unspent_units, unspent) = (signed(unspent), Nanos::from(unspent));
        let position = self
            .position(usage)
            .map(|position| position.without(unspent));
        let tat = |bucket: &Bucket| Some(usage.tat(bucket.id)? - bucket.emission_for(0)? * unspent);

        self.decision_with_limits(
            Verdict::Allowed,
            usage,
            position,
            |_, bucket| tat(bucket),
            |_, window| usage.count(window.id).saturating_sub(unspent_units),
        )
    }

    /// Returns how many calls of this cost are left, according to the limit with the fewest. Quotas
    /// that allow more calls are ignored.
    pub fn calls_left(&self, usage: &Usage) -> u64 {
        let limits = self.standing(Verdict::Allowed, usage).limits;
        let is_soft = |limit: &&Limit| {
            let mut quotas = self.windows.iter().map(|(quota, _)| quota);
            quotas.any(|quota| quota.name == limit.name && !quota.is_hard)
        };

        limits
            .iter()
            .filter(|limit| !is_soft(limit))
            .map(|limit| limit.remaining)
            .min()
            .unwrap_or(u64::MAX)
            / self.cost.max(1)
    }

    /// Returns the caller's position in the sliding window, if there is one.
    pub fn position(&self, usage: &Usage) -> Option<Position> {
        self.sliding()
            .map(|window| window.position(usage, self.now))
    }

    /// Returns the sliding window, if there is one and it is not ignored.
    pub fn sliding(&self) -> Option<&'p SlidingWindow> {
        self.plan
            .sliding
            .as_ref()
            .filter(|_| self.own_limits != OwnLimits::Ignored)
    }

    /// Returns the caller's bucket, unless it is ignored, and the bucket of the route.
    pub fn buckets(&self) -> impl Iterator<Item = &'p Bucket> + use<'p> {
        let own = self
            .plan
            .bucket
            .as_ref()
            .filter(|_| self.own_limits != OwnLimits::Ignored);
        own.into_iter().chain(self.route.map(|route| &route.bucket))
    }

    /// True if the demand takes tokens from one of its buckets, false if it only checks it.
    pub fn charges(&self, bucket: &Bucket) -> bool {
        self.is_call() || self.route.is_some_and(|route| route.bucket.id == bucket.id)
    }

    /// True for a call, which is charged to all limits of its plan. False for a query of usage.
    pub fn is_call(&self) -> bool {
        self.own_limits == OwnLimits::Charged
    }

    /// The quotas, each with its current window.
    pub fn windows(&self) -> &[(&'p Quota, Window)] {
        &self.windows
    }

    /// The plan whose limits are charged.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// The limit of the route, if it has one.
    pub fn route(&self) -> Option<&'p RouteLimit> {
        self.route
    }

    /// The number of units to take.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The number of calls that take the units.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Returns the day of usage reports on which the units count. `None` if the instant
    /// is outside the calendar.
    pub fn report_day(&self) -> Option<Date> {
        self.report_day
    }

    /// The instant of the decision.
    pub fn now(&self) -> Nanos {
        self.now
    }

    fn check_sliding(&self, usage: &Usage, charge: &mut Charge, refusals: &mut Refusals<'p>) {
        let Some(window) = self.sliding() else { return };
        let position = window.position(usage, self.now);
        let wait = window.wait(&position, self.cost);

        if wait > 0 && self.cost > 0 {
            refusals.push(Refusal {
                name: &window.name,
                wait,
                is_quota: false,
            });
        }

        if self.is_call() {
            let (slot, _) = window.slots_at(position.start);
            charge.slot = Some((
                slot,
                position.start + position.current + Nanos::from(self.cost),
            ));
        }
    }

    fn check_buckets(&self, usage: &Usage, charge: &mut Charge, refusals: &mut Refusals<'p>) {
        for bucket in self.buckets() {
            let Some(emission) = bucket.emission_for(self.cost) else {
                continue;
            };
            let before = usage.tat(bucket.id);
            let taken = bucket.take(emission, before, self.cost, self.now);

            if let (Err(wait), true) = (taken, self.cost > 0) {
                refusals.push(Refusal {
                    name: &bucket.name,
                    wait,
                    is_quota: false,
                });
            }

            let after = taken.ok().filter(|_| self.charges(bucket));
            charge
                .tats
                .push((bucket.id, after.or(before).unwrap_or(self.now)));
        }
    }

    fn check_quotas(&self, usage: &Usage, charge: &mut Charge, refusals: &mut Refusals<'p>) {
        for (quota, window) in &self.windows {
            let after = usage.count(window.id).saturating_add(signed(self.cost));
            if quota.is_hard && after > signed(quota.limit) && self.cost > 0 {
                let wait = if window.is_endless() {
                    GRANT_WAIT
                } else {
                    window.end - self.now
                };
                refusals.push(Refusal {
                    name: &quota.name,
                    wait,
                    is_quota: true,
                });
            }

            charge.counts.push(Count::of(window, after));
        }
    }

    /// Returns a decision with every limit, given the position in the sliding window, the `tat` of
    /// each bucket and the count of each window. Granted calls come from `usage`.
    fn decision_with_limits(
        &self,
        verdict: Verdict,
        usage: &Usage,
        position: Option<Position>,
        tat: impl Fn(usize, &Bucket) -> Option<Nanos>,
        count: impl Fn(usize, &Window) -> i64,
    ) -> Decision {
        let rates = usize::from(position.is_some()) + self.buckets().count();
        let mut limits = Limits::with_capacity(rates + self.windows.len());
        if let Some((window, position)) = self.sliding().zip(position) {
            limits.push(sliding_limit(window, &position));
        }
        for (index, bucket) in self.buckets().enumerate() {
            if let Some(emission) = bucket.emission_for(self.cost) {
                limits.push(self.bucket_limit(
                    bucket,
                    emission,
                    tat(index, bucket).unwrap_or(self.now),
                ));
            }
        }

        let mut over_quota = false;
        for (index, (quota, window)) in self.windows.iter().enumerate() {
            let count = count(index, window);
            over_quota |= !quota.is_hard && count > signed(quota.limit);
            limits.push(self.quota_limit(quota, window, count, usage.granted(window.id)));
        }

        let near_limit = limits
            .iter()
            .any(|limit| limit.used_share() >= self.plan.near_limit);
        Decision {
            verdict,
            limits,
            near_limit,
            over_quota,
            thresholds: Vec::new(),
            degraded: false,
            shadowed: None,
            charge: None,
        }
    }

    fn bucket_limit(&self, bucket: &Bucket, emission: Nanos, tat: Nanos) -> Limit {
        let (remaining, next_token) = bucket.level(emission, tat, self.now);
        Limit {
            name: Arc::clone(&bucket.name),
            limit: bucket.burst,
            window_s: Some(bucket.window_s),
            remaining,
            reset_s: next_token.map(whole_seconds),
        }
    }

    /// Returns the state of a quota. Its limit includes granted calls, so that `limit` less
    /// `remaining` is the number of calls used.
    fn quota_limit(&self, quota: &Quota, window: &Window, count: i64, granted: i64) -> Limit {
        let ends = !window.is_endless();
        Limit {
            name: Arc::clone(&quota.name),
            limit: quota.limit.saturating_add_signed(granted),
            window_s: ends.then(|| whole_seconds(window.end - window.start)),
            remaining: u64::try_from(signed(quota.limit).saturating_sub(count)).unwrap_or(0),
            reset_s: ends.then(|| whole_seconds(window.end - self.now)),
        }
    }
}

fn sliding_limit(window: &SlidingWindow, position: &Position) -> Limit {
    Limit {
        name: Arc::clone(&window.name),
        limit: window.limit,
        window_s: Some(window.window_s),
        remaining: window.remaining(position),
        reset_s: window.next(position).map(whole_seconds),
    }
}

fn throttled(refusals: &[Refusal<'_>]) -> Verdict {
    let longest = refusals
        .iter()
        .map(|refusal| refusal.wait)
        .max()
        .unwrap_or_default();

    Verdict::Throttled {
        quota: refusals.iter().any(|refusal| refusal.is_quota),
        violated: refusals
            .iter()
            .map(|refusal| Arc::clone(refusal.name))
            .collect(),
        retry_after_s: whole_seconds(longest),
    }
}

/// Converts a limit or a cost. Valid ones are far below 2⁶³, and a larger cost is never admitted.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
