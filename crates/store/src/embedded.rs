//! The store in one process. It is exact for that process and ends with it.

use jiff::civil::Date;

use crate::day_counts::DayCounts;
use crate::grant_request::record_of_calls;
use crate::ledger::Ledger;
use crate::threshold_log::log_thresholds;
use crate::{Call, CallerDays, CallerGrants, Clock, GrantError, GrantRequest, ReportedCaller};
use crate::{RevokeRequest, RevokedGrant, StoreError};
use limits::Days;
use limits::{
    Caller, ChargeId, Decision, Demand, Grant, GrantId, Nanos, Plan, Refund, UsageReport,
};
use registry::{AuditTrail, EmbeddedRegistry, RegistryError, Seeds, SeedsError};

/// With the 16 shards of the ledger, 0.9 million callers. They fill the 65,536 slots of a shard to
/// seven eighths, after which a shard would double. Slots of 304 bytes take at most about 320 MB, and
/// the ids of the callers come in addition.
const CALLERS_A_SHARD: usize = 57_344;

/// Plans, keys and usage in memory.
#[derive(Debug)]
pub struct EmbeddedStore {
    registry: EmbeddedRegistry,
    ledger: Ledger,
    clock: Clock,
}

impl EmbeddedStore {
    /// Returns a store with these plans and keys and no usage, and logs the plans' warnings.
    ///
    /// # Errors
    /// [`SeedsError`] for the first plan or key that is invalid.
    pub fn new(seeds: &Seeds) -> Result<Self, SeedsError> {
        Ok(Self {
            registry: EmbeddedRegistry::new(seeds)?,
            ledger: Ledger::new(CALLERS_A_SHARD),
            clock: Clock::system(),
        })
    }

    /// Replaces the clock of this machine, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the registry that keys, plans and policies are read from.
    #[must_use]
    pub fn registry(&self) -> &EmbeddedRegistry {
        &self.registry
    }

    /// Decides on a call, and charges it as a whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`] if no decision is possible. Nothing was charged.
    pub fn charge(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        let (charged, now) = (call.charged(), self.clock.now());
        let has_figures = call.caller.has_reports() && call.cost > 0;
        let is_own = std::ptr::eq(charged, call.caller) || charged == call.caller;
        let counts_refusals = has_figures && is_own && !call.plan.shadow;

        let mut decided = self
            .ledger
            .charge(charged, now, counts_refusals, |now| call.demand(now));
        // In place, because a decision is several hundred bytes.
        if let Ok(decision) = &mut decided {
            log_thresholds(charged, call.plan, &decision.thresholds);
            if has_figures && !is_own {
                self.report_decision(call, decision, now);
            }
            decision.shadow(call.plan.shadow);
        }
        decided
    }

    /// Counts a call for its caller if its plan or group was charged.
    fn report_decision(&self, call: &Call<'_>, decision: &Decision, now: Nanos) {
        let is_refused = decision.is_refusal() && !call.plan.shadow;
        if !is_refused && !decision.is_charged() {
            return;
        }

        if let Some(day) = call.plan.report_day(now) {
            self.ledger
                .report(call.caller, now, |days| match is_refused {
                    true => days.refuse(day),
                    false => days.add(day, call.cost, 1),
                });
        }
    }

    /// Decides on a caller's query for its own usage: see [`Demand::usage_query`].
    ///
    /// # Errors
    /// As for [`EmbeddedStore::charge`].
    pub fn charge_usage_query(&self, caller: &Caller, plan: &Plan) -> Result<Decision, StoreError> {
        let now = self.clock.now();
        let query = |now| Some(Demand::usage_query(plan, now));
        self.ledger.charge(plan.charged(caller), now, false, query)
    }

    /// Returns the state of the limits and whether a call would pass, without charging it.
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub fn peek(&self, call: &Call<'_>) -> Result<Decision, StoreError> {
        let decision = self
            .ledger
            .peek(call.charged(), self.clock.now(), |now| call.demand(now))?;
        Ok(decision.in_shadow(call.plan.shadow))
    }

    /// Refunds a charge once: to the quotas whose windows have not ended, and to its day.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn refund(&self, caller: &Caller, charge: &ChargeId) -> Result<Refund, StoreError> {
        let charged = charge.charged(caller);
        let refund = self.ledger.refund(charged, charge, self.clock.now())?;

        if refund == Refund::Returned && charged != caller {
            self.ledger.unreport(caller, charge.day(), charge.cost());
        }
        Ok(refund)
    }

    /// Changes the remaining calls of a quota: see [`Store::grant`](crate::Store::grant).
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn grant(&self, request: &GrantRequest<'_>) -> Result<Grant, GrantError> {
        let charged = request.plan.charged(request.caller);
        let order = |now| Ok(request.order(now)?.ok_or(StoreError::Clock)?);
        let record = |quota: &str, amount, id| self.record(request.trail, quota, amount, id);

        self.ledger.grant(charged, self.clock.now(), order, record)
    }

    /// Returns the grants of a caller: see [`Store::grants`](crate::Store::grants).
    ///
    /// # Errors
    /// [`StoreError::Clock`].
    pub fn grants(&self, caller: &Caller, plan: &Plan) -> Result<CallerGrants, StoreError> {
        let now = self.clock.now();
        self.ledger.grants(plan.charged(caller), plan, now)
    }

    /// Revokes a grant: see [`Store::revoke`](crate::Store::revoke).
    ///
    /// # Errors
    /// [`GrantError`].
    pub fn revoke(&self, request: &RevokeRequest<'_>) -> Result<RevokedGrant, GrantError> {
        let charged = request.plan.charged(request.caller);
        let record = |quota: &str, amount, id| self.record(request.trail, quota, amount, id);

        self.ledger
            .revoke(charged, request, self.clock.now(), record)
    }

    /// Writes the record of a change of remaining calls.
    fn record(
        &self,
        trail: Option<&dyn AuditTrail>,
        quota: &str,
        amount: i64,
        id: GrantId,
    ) -> Result<(), RegistryError> {
        match record_of_calls(trail, quota, amount, id) {
            Some(record) => self.registry.add_record(record),
            None => Ok(()),
        }
    }

    /// Returns the usage of a caller. Usage that affects no limit any more is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Range`], [`StoreError::Clock`].
    pub fn usage(
        &self,
        caller: &Caller,
        group: Option<&Caller>,
        plan: Option<&Plan>,
        from: Date,
        to: Date,
    ) -> Result<UsageReport, StoreError> {
        let days = Days::new(from, to).ok_or(StoreError::Range)?;
        self.ledger
            .usage(caller, group, plan, days, self.clock.now())
    }

    /// Returns true if there is usage of a caller: see [`Store::has_usage`](crate::Store::has_usage).
    pub fn has_usage(&self, caller: &Caller) -> bool {
        self.ledger.days_of(caller, |_| ()).is_some()
    }

    /// Lets the usage of a caller be forgotten: see [`Store::retire`](crate::Store::retire). A full
    /// ledger forgets it at once.
    pub fn retire(&self, caller: &Caller) {
        self.ledger.retire(caller);
    }

    /// Returns the usage of many callers: see [`Store::caller_days`](crate::Store::caller_days).
    pub fn caller_days(&self, callers: &[Caller], days: Days) -> Vec<CallerDays> {
        let days_of = |caller: &Caller| {
            let read =
                |counts: &DayCounts| CallerDays::new(days.iter().map(|day| counts.get(day)), true);
            self.ledger.days_of(caller, read).unwrap_or_default()
        };
        callers.iter().map(days_of).collect()
    }

    /// Returns the calls of callers in a month: see [`Store::month_calls`](crate::Store::month_calls).
    pub fn month_calls(&self, callers: &[ReportedCaller], month: Date) -> Vec<u64> {
        let calls = |reported: &ReportedCaller| {
            let read = |counts: &DayCounts| counts.calls_in(month);
            self.ledger.days_of(&reported.caller, read).unwrap_or(0)
        };
        callers.iter().map(calls).collect()
    }

    /// Returns the last day of use of callers: see [`Store::last_used`](crate::Store::last_used).
    pub fn last_used(&self, callers: &[ReportedCaller], since: Date) -> Vec<Option<Date>> {
        let last = |reported: &ReportedCaller| {
            let last = self
                .ledger
                .days_of(&reported.caller, DayCounts::last_used)?;
            last.filter(|day| *day >= since)
        };
        callers.iter().map(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use aws::Deadline;
    use limits::{Nanos, SECOND, Verdict};

    use super::*;

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    thread_local! {
        static NOW: Cell<Nanos> = const { Cell::new(NOON) };
    }

    fn store(plan: &str) -> (EmbeddedStore, Arc<Plan>) {
        let seeds = format!(r#"{{"plans":{{"p":{plan}}}}}"#);
        let store = EmbeddedStore::new(&serde_json::from_str(&seeds).unwrap()).unwrap();
        let store = store.with_clock(Clock::new(|| NOW.get()));

        let plan = store.registry().plan("p").unwrap();
        (store, plan)
    }

    fn caller(id: &str) -> Caller {
        Caller::Key(id.to_owned())
    }

    fn charge(store: &EmbeddedStore, id: &str, plan: &Plan) -> Result<Decision, StoreError> {
        store.charge(&Call {
            caller: &caller(id),
            group: None,
            plan,
            route: None,
            cost: 1,
            deadline: Deadline::after(Instant::now(), Duration::from_secs(1)),
        })
    }

    fn admitted(store: &EmbeddedStore, plan: &Plan, calls: u64, now: Nanos) -> u64 {
        NOW.set(now);
        (0..calls)
            .filter(|_| charge(store, "k", plan).unwrap().verdict == Verdict::Allowed)
            .count() as u64
    }

    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn lines(&self) -> Vec<serde_json::Value> {
            let bytes = self.0.lock().unwrap().clone();
            let text = String::from_utf8(bytes).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
    }

    /// The metrics publisher reads these fields. Its tests use the same line.
    #[test]
    fn a_threshold_is_logged_at_every_level_in_the_form_that_the_publisher_reads() {
        let golden: serde_json::Value = serde_json::from_str(include_str!(
            "../../../functions/metrics-publisher/tests/publishing/threshold.json"
        ))
        .unwrap();
        let (store, plan) =
            store(r#"{"quotas":[{"limit":10,"period":"month","warn_at":[0.8, 1]}]}"#);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = telemetry::log_to(["store"], Some("error"), move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        admitted(&store, &plan, 9, NOON);
        drop(guard);

        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = lines[0].as_object().unwrap();
        for (field, value) in golden.as_object().unwrap() {
            if field != "span" {
                let found = std::mem::discriminant(&line[field]);
                assert_eq!(found, std::mem::discriminant(value), "{field}");
            }
        }
        for (field, value) in [
            ("event", serde_json::json!("quota_threshold")),
            ("caller", serde_json::json!("key#k")),
            ("threshold", serde_json::json!("0.8")),
            ("used", serde_json::json!(8)),
            ("limit", serde_json::json!(10)),
            ("window_end", golden["window_end"].clone()),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
    }

    #[test]
    fn sixteen_threads_admit_exactly_the_burst() {
        for _ in 0..20 {
            let (store, plan) = store(
                r#"{"throttle":{"rate":0.001,"burst":100},"quotas":[{"limit":1000,"period":"day"}]}"#,
            );
            let total = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| {
                        total.fetch_add(admitted(&store, &plan, 100, NOON), Ordering::Relaxed)
                    });
                }
            });
            assert_eq!(total.into_inner(), 100);
        }
    }

    #[test]
    fn callers_do_not_share_their_limits() {
        let (store, plan) = store(r#"{"throttle":{"rate":1,"burst":1}}"#);
        for id in ["a", "b"] {
            let decision = charge(&store, id, &plan).unwrap();
            assert_eq!(decision.verdict, Verdict::Allowed);
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_back() {
        let (store, plan) = store(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
        let (today, yesterday) = (NOON, NOON - 86_400 * SECOND);
        assert_eq!(admitted(&store, &plan, 1, yesterday), 1);
        assert_eq!(admitted(&store, &plan, 9, today), 2);
        assert_eq!(admitted(&store, &plan, 9, yesterday), 0);
    }

    #[test]
    fn a_clock_outside_the_calendar_is_an_error_and_not_a_pass() {
        let (store, plan) = store(r#"{"quotas":[{"limit":2,"period":"day"}]}"#);
        NOW.set(Nanos::MAX / 2);
        let outcome = charge(&store, "k", &plan);
        assert!(matches!(outcome, Err(StoreError::Clock)));
    }
}
