//! The calls that this instance has bought and not spent yet.

use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;

use limits::day_end;
use limits::{Caller, Decision, Demand, Nanos, Usage};
use limits::{LeaseTerms, LocalRate};

/// The greatest number of callers with leases. Others pay one write per call.
const CALLERS: usize = 10_000;
/// The greatest number of leases of one caller, one for each route and cost.
const A_CALLER: usize = 16;

/// The leases of a process, bounded, and shared by all decisions.
#[derive(Debug)]
pub(super) struct Leases {
    callers: Cache<Caller, Arc<Mutex<Book>>>,
}

/// A lease ends this fraction of its length early, because concurrent calls and a clock that is set
/// back may be that far apart.
const SLACK: Nanos = 16;

/// The leases of one caller.
#[derive(Debug, Default)]
pub(super) struct Book {
    rate: LocalRate,
    leases: Vec<Lease>,
    /// The instant of the caller's last call.
    latest: Nanos,
    /// True while a request buys. Only one buys at a time, so that an instance loses at most one
    /// lease.
    is_buying: bool,
}

#[derive(Debug)]
struct Lease {
    of: Kind,
    /// The number of calls left.
    calls: u64,
    end: Nanos,
    /// The usage after the purchase.
    usage: Usage,
}

/// The calls that a lease pays for. Another plan, route or cost is charged separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    plan: u64,
    route: Option<u64>,
    cost: u64,
}

/// The payment of a call.
#[derive(Debug)]
pub(super) enum Offer {
    /// A lease has paid for it.
    Spent(Box<Decision>),
    /// This number of calls should be bought.
    Buy(u64, Purchase),
    /// The call is charged by itself.
    Single,
}

/// The right to buy, which is returned when it is dropped.
#[derive(Debug)]
pub(super) struct Purchase {
    book: Arc<Mutex<Book>>,
}

impl Drop for Purchase {
    fn drop(&mut self) {
        lock(&self.book).is_buying = false;
    }
}

fn lock(book: &Mutex<Book>) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Leases {
    pub(super) fn new() -> Self {
        Self {
            callers: Cache::new(CALLERS),
        }
    }

    /// Pays from a lease if there is one, or says how much to buy. `remembered` is the last known
    /// state of the item.
    pub(super) fn offer(&self, caller: &Caller, demand: &Demand<'_>, remembered: &Usage) -> Offer {
        let is_leased = demand.is_call() && demand.cost() > 0;
        let Some(terms) = demand
            .plan()
            .lease
            .filter(|terms| terms.length > 0 && is_leased)
        else {
            return Offer::Single;
        };
        let found = self.callers.get(caller).unwrap_or_else(|| {
            let book = Arc::default();
            self.callers.insert(caller.clone(), Arc::clone(&book));
            book
        });
        let mut book = lock(&found);
        let local = book.rate.count(demand.now(), terms.length);
        if let Some(decision) = book.spend(demand, terms.length / SLACK) {
            return Offer::Spent(Box::new(decision));
        }
        let calls = terms.calls(local, demand.calls_left(remembered));
        if calls == 1 || book.is_buying {
            return Offer::Single;
        }
        book.is_buying = true;
        drop(book);
        Offer::Buy(calls, Purchase { book: found })
    }
}

impl Purchase {
    /// Keeps the calls that were bought in addition to the present one, and returns its decision.
    /// `usage` is the usage after the purchase.
    pub(super) fn keep(self, demand: &Demand<'_>, calls: u64, usage: Usage) -> Decision {
        let decision = demand.standing_less(&usage, (calls - 1) * demand.cost());
        if let Some(terms) = demand.plan().lease {
            let lease = Lease {
                of: Kind::of(demand),
                calls: calls - 1,
                end: end(demand, &terms, &usage),
                usage,
            };
            lock(&self.book).keep(lease, demand.now());
        }
        decision
    }
}

impl Book {
    fn spend(&mut self, demand: &Demand<'_>, slack: Nanos) -> Option<Decision> {
        let (kind, now) = (Kind::of(demand), demand.now());
        if now < self.latest - slack {
            // The clock was set back. The lease would last longer than it was bought for.
            self.leases.clear();
            self.latest = now;
        }
        self.latest = self.latest.max(now);
        let lease = self.leases.iter_mut().find(|lease| lease.of == kind)?;
        let lasts = self.latest < lease.end;
        if lease.calls == 0 || !lasts {
            return None;
        }
        lease.calls -= 1;
        Some(demand.standing_less(&lease.usage, lease.calls * demand.cost()))
    }

    fn keep(&mut self, lease: Lease, now: Nanos) {
        self.leases
            .retain(|known| known.of != lease.of && now < known.end && known.calls > 0);
        if self.leases.len() < A_CALLER {
            self.leases.push(lease);
        }
    }
}

impl Kind {
    fn of(demand: &Demand<'_>) -> Self {
        let route = demand.route().map(|route| route.bucket.id);
        Self {
            plan: demand.plan().fingerprint,
            route,
            cost: demand.cost(),
        }
    }
}

/// Returns the end of a lease: after its length, or with the first window that its calls were
/// counted in.
fn end(demand: &Demand<'_>, terms: &LeaseTerms, usage: &Usage) -> Nanos {
    let now = demand.now();
    let windows = demand.windows().iter().map(|(_, window)| window.end);
    let sliding = demand.position(usage).zip(demand.sliding());
    let sliding = sliding.map(|(position, window)| position.start + window.width());
    let lasts = terms.length - terms.length / SLACK;
    windows
        .chain(sliding)
        .fold((now + lasts).min(day_end(now)), Nanos::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::{Plan, PlanDocument, SECOND, Verdict};

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;
    const PLAN: &str = r#"{"throttle":{"rate":100,"burst":1000},"routes":{"GET /a":{"rate":100,"burst":1000}},
        "quotas":[{"limit":100000,"period":"day"}],"lease":8}"#;

    fn plan(json: &str) -> Plan {
        Plan::new("p", serde_json::from_str::<PlanDocument>(json).unwrap()).unwrap()
    }

    fn caller() -> Caller {
        Caller::Key("k".to_owned())
    }

    fn demand(plan: &Plan, now: Nanos) -> Demand<'_> {
        Demand::new(plan, None, 1, now).unwrap()
    }

    /// Buys as soon as the rate allows it; the instant of the purchase.
    fn bought(leases: &Leases, plan: &Plan, from: Nanos) -> Nanos {
        for step in 0..100 {
            let now = from + step * SECOND / 1000;
            if let Offer::Buy(calls, purchase) =
                leases.offer(&caller(), &demand(plan, now), &Usage::default())
                && calls == 8
            {
                let mut usage = Usage::default();
                Demand::new(plan, None, calls, now)
                    .unwrap()
                    .charge(&mut usage);
                let decision = purchase.keep(&demand(plan, now), calls, usage);
                assert_eq!(
                    (decision.verdict, decision.limits[0].remaining),
                    (Verdict::Allowed, 899)
                );
                return now;
            }
        }
        panic!("no offer");
    }

    fn spends(leases: &Leases, demand: &Demand<'_>) -> bool {
        matches!(
            leases.offer(&caller(), demand, &Usage::default()),
            Offer::Spent(_)
        )
    }

    #[test]
    fn what_was_bought_is_spent_and_no_more() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let now = bought(&leases, &plan, NOON);
        assert_eq!(
            (0..20)
                .filter(|_| spends(&leases, &demand(&plan, now)))
                .count(),
            7
        );
    }

    #[test]
    fn what_is_told_is_what_the_call_itself_left() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let now = bought(&leases, &plan, NOON);
        let Offer::Spent(decision) =
            leases.offer(&caller(), &demand(&plan, now), &Usage::default())
        else {
            panic!()
        };
        assert_eq!(
            decision
                .limits
                .iter()
                .map(|limit| limit.remaining)
                .collect::<Vec<_>>(),
            [898, 99_998]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_lease() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let now = bought(&leases, &plan, NOON);
        assert!(spends(&leases, &demand(&plan, now + SECOND / 2)));
        assert!(spends(
            &leases,
            &demand(&plan, now + SECOND / 2 - SECOND / 16)
        ));
        assert!(!spends(
            &leases,
            &demand(&plan, now + SECOND / 2 - SECOND / 16 - 1)
        ));
        assert!(!spends(&leases, &demand(&plan, now + SECOND / 2)));
    }

    #[test]
    fn a_lease_ends_after_its_length() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let now = bought(&leases, &plan, NOON);
        let end = now + SECOND - SECOND / 16;
        assert!(spends(&leases, &demand(&plan, end - 1)));
        assert!(!spends(&leases, &demand(&plan, end)));
    }

    #[test]
    fn a_lease_ends_with_the_day_and_the_quotas_window() {
        let midnight = NOON + 12 * 3600 * SECOND;
        for plan in [
            plan(PLAN),
            plan(r#"{"throttle":{"rate":100,"burst":1000},"lease":8}"#),
        ] {
            let leases = Leases::new();
            bought(&leases, &plan, midnight - SECOND / 5);
            assert!(spends(&leases, &demand(&plan, midnight - 1)));
            assert!(!spends(&leases, &demand(&plan, midnight)));
        }
    }

    #[test]
    fn a_lease_is_for_one_plan_route_and_cost() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let changed = self::plan(&PLAN.replace("100000", "200000"));
        let now = bought(&leases, &plan, NOON);
        let route = plan.route_limit("GET", "/a").cloned();
        assert!(!spends(
            &leases,
            &Demand::new(&plan, route.as_deref(), 1, now).unwrap()
        ));
        assert!(!spends(&leases, &Demand::new(&plan, None, 2, now).unwrap()));
        assert!(!spends(&leases, &demand(&changed, now)));
        assert!(spends(&leases, &demand(&plan, now)));
    }

    #[test]
    fn one_buys_at_a_time_and_a_purchase_that_fails_leaves_the_way_free() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        let offers = |n: u32| {
            (0..n).map(|_| leases.offer(&caller(), &demand(&plan, NOON), &Usage::default()))
        };
        let first: Vec<Offer> = offers(10).collect();
        assert_eq!(
            first
                .iter()
                .filter(|offer| matches!(offer, Offer::Buy(..)))
                .count(),
            1
        );
        drop(first);
        assert_eq!(
            offers(1)
                .filter(|offer| matches!(offer, Offer::Buy(..)))
                .count(),
            1
        );
    }

    #[test]
    fn a_caller_that_calls_seldom_or_is_near_its_limit_pays_for_each_call() {
        let (plan, leases) = (plan(PLAN), Leases::new());
        assert!(matches!(
            leases.offer(&caller(), &demand(&plan, NOON), &Usage::default()),
            Offer::Single
        ));
        let mut near = Usage::default();
        Demand::new(&plan, None, 890, NOON)
            .unwrap()
            .charge(&mut near);
        for _ in 0..50 {
            assert!(matches!(
                leases.offer(&caller(), &demand(&plan, NOON), &near),
                Offer::Single
            ));
        }
    }
}
