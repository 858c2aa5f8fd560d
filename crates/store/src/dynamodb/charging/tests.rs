use super::super::expression::tests::apply;
use super::*;
use aws_sdk_dynamodb::types::AttributeValue;
use limits::CalendarId;
use limits::{Plan, PlanDocument, WindowId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use testing::Integers;

/// 2026-11-22T00:00:00Z
const MIDNIGHT: Nanos = 1_795_305_600 * SECOND;
const MILLISECOND: Nanos = 1_000_000;

fn plan(json: &str) -> Plan {
    Plan::new("p", serde_json::from_str::<PlanDocument>(json).unwrap()).unwrap()
}

fn caller() -> Caller {
    Caller::Key("k".to_owned())
}

/// Returns the parts of an item that the store reads.
fn read(item: &Integers) -> UsageItem {
    let number =
        |(name, number): (&String, &Nanos)| (name.clone(), AttributeValue::N(number.to_string()));
    usage_item::read(&item.iter().map(number).collect())
}

/// A worker: what it remembers.
#[derive(Default)]
struct Worker {
    remembered: CallerMemory,
}

impl Worker {
    fn see(&mut self, item: &Integers) -> UsageItem {
        let seen = read(item);
        self.remembered.usage = seen.usage.clone();
        self.remembered.pairs.clone_from(&seen.pairs);
        seen
    }
}

struct Outcome {
    allowed: bool,
    writes: usize,
}

/// A whole decision; `meanwhile` happens to the item before each write.
fn decide(
    demand: &Demand<'_>,
    worker: &mut Worker,
    item: &mut Integers,
    mut meanwhile: impl FnMut(&mut Integers),
) -> Outcome {
    let mut charging = ChargeDialogue::new(demand, &worker.remembered);
    for writes in 1.. {
        meanwhile(item);
        if apply(&charging.clauses(&caller()), item) {
            let after = worker.see(item).usage;
            worker.remembered.busy = worker.remembered.busy_with(demand, &after);
            return Outcome {
                allowed: true,
                writes,
            };
        }
        match charging.refused(&worker.see(item)) {
            Step::Again => {}
            Step::Denied(_) => {
                return Outcome {
                    allowed: false,
                    writes,
                };
            }
            Step::Contradiction => panic!("only charges changed the item"),
        }
    }
    unreachable!("a range without end")
}

/// Charges once as the release before, which knows one number for each bucket.
fn charge_before(demand: &Demand<'_>, item: &mut Integers) -> bool {
    let known = item
        .iter()
        .filter(|(name, _)| !name.starts_with(['c', 'o', 'n']));
    let usage = read(
        &known
            .map(|(name, number)| (name.clone(), *number))
            .collect(),
    )
    .usage;
    let is_busy = |bucket: &Bucket| usage.tat(bucket.id).is_some_and(|tat| tat > demand.now());
    let write = |bucket: &Bucket| {
        BucketWrite::Single(if is_busy(bucket) {
            Branch::Busy
        } else {
            Branch::Idle
        })
    };
    let charging = ChargeDialogue {
        demand,
        guess: Guess {
            buckets: demand.buckets().map(write).collect(),
            sliding: None,
        },
        writes_left: 0,
    };
    apply(&charging.clauses(&caller()), item)
}

const BOTH: &str = r#"{"throttle":{"rate":10,"burst":5},"routes":{"GET /a":{"rate":5,"burst":2}},
    "quotas":[{"limit":40,"period":"day"},{"limit":60,"period":"month"}]}"#;

/// The bucket of the plan is large enough for a pair.
const PAIRED: &str = r#"{"throttle":{"rate":10,"burst":12},"routes":{"GET /a":{"rate":5,"burst":8}},
    "quotas":[{"limit":60,"period":"day"}]}"#;

const PAIRED_WITHOUT_QUOTA: &str =
    r#"{"throttle":{"rate":50,"burst":16},"routes":{"GET /a":{"rate":40,"burst":10}}}"#;

const SLIDING: &str = r#"{"algorithm":"sliding_window","window_s":1,"limit":5,"routes":{"GET /a":{"rate":5,"burst":2}},
    "quotas":[{"limit":40,"period":"day"}]}"#;

#[test]
fn rate_route_and_quotas_are_charged_by_one_write() {
    let plan = plan(BOTH);
    let route = plan.route_limit("GET", "/a").cloned();
    let demand = Demand::new(&plan, route.as_deref(), 2, MIDNIGHT).unwrap();
    let mut item = Integers::new();
    assert!(apply(
        &ChargeDialogue::new(&demand, &CallerMemory::default()).clauses(&caller()),
        &mut item
    ));
    let bucket = bucket_name(plan.bucket.as_ref().unwrap().id);
    let expected = [
        (bucket, MIDNIGHT + 200 * MILLISECOND),
        (
            bucket_name(route.as_ref().unwrap().bucket.id),
            MIDNIGHT + 400 * MILLISECOND,
        ),
        ("d20261122".to_owned(), 2),
        ("m20261101".to_owned(), 2),
        ("u261122".to_owned(), 2),
        ("k2611".to_owned(), 1),
        ("e261122".to_owned(), 1),
        ("v".to_owned(), 1),
        ("ttl".to_owned(), 1_796_083_200 + 400 * 86_400),
    ];
    assert_eq!(item, Integers::from(expected));
}

#[test]
fn a_usage_query_charges_its_bucket_alone() {
    for (document, own) in [(BOTH, 1), (SLIDING, 2)] {
        let plan = plan(document);
        let demand = Demand::usage_query(&plan, MIDNIGHT);
        let clauses = ChargeDialogue::new(&demand, &CallerMemory::default()).clauses(&caller());
        let conditions = clauses
            .iter()
            .filter(|clause| matches!(clause, Clause::AtMost { .. }))
            .count();
        assert_eq!(conditions, own, "the plan's rate is a condition");

        let mut item = Integers::new();
        assert!(apply(&clauses, &mut item));
        let mut names: Vec<_> = item.into_keys().collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [bucket_name(plan.usage_query.bucket.id).as_str(), "ttl", "v"]
        );
    }
}

#[test]
fn a_plan_without_limits_counts_its_day_and_asks_nothing() {
    let plan = plan("{}");
    let demand = Demand::new(&plan, None, 3, MIDNIGHT).unwrap();
    let clauses = ChargeDialogue::new(&demand, &CallerMemory::default()).clauses(&caller());
    assert!(clauses.contains(&Clause::Count {
        attribute: "u261122".to_owned(),
        by: 3
    }));
    assert_eq!(
        super::super::expression::expression(&clauses).condition,
        None
    );
}

#[test]
fn an_address_is_forgotten_two_days_after_its_usage_has_lost_its_meaning() {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":5},"quotas":[{"limit":5,"period":"day"}]}"#);
    let demand = Demand::new(&plan, None, 1, MIDNIGHT).unwrap();
    let address = Caller::from_address("192.0.2.1".parse().unwrap(), "p");
    let clauses = ChargeDialogue::new(&demand, &CallerMemory::default()).clauses(&address);
    assert!(clauses.contains(&Clause::Set {
        attribute: "ttl".to_owned(),
        to: (MIDNIGHT + 3 * DAY) / SECOND
    }));
}

#[test]
fn a_wrong_guess_is_followed_by_the_write_that_decides() {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":2}}"#);
    let mut item = Integers::new();
    let demand = Demand::new(&plan, None, 1, MIDNIGHT).unwrap();
    assert_eq!(
        decide(&demand, &mut Worker::default(), &mut item, |_| {}).writes,
        1
    );
    let second = decide(&demand, &mut Worker::default(), &mut item, |_| {});
    assert!(second.allowed);
    assert_eq!(second.writes, 2);
}

#[test]
fn a_denial_costs_one_write_whether_the_guess_was_wrong_or_not() {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":1}}"#);
    let (mut item, mut worker) = (Integers::new(), Worker::default());
    let demand = Demand::new(&plan, None, 1, MIDNIGHT).unwrap();
    assert!(decide(&demand, &mut worker, &mut item, |_| {}).allowed);
    for worker in [&mut worker, &mut Worker::default()] {
        let outcome = decide(&demand, worker, &mut item, |_| {});
        assert_eq!((outcome.allowed, outcome.writes), (false, 1));
    }
}

#[test]
fn an_item_that_is_brought_back_meanwhile_is_a_contradiction_and_not_a_loop() {
    let plan = plan(r#"{"throttle":{"rate":1,"burst":2}}"#);
    let demand = Demand::new(&plan, None, 1, MIDNIGHT).unwrap();
    let bucket = bucket_name(plan.bucket.as_ref().unwrap().id);
    let mut charging = ChargeDialogue::new(&demand, &CallerMemory::default());
    let busy = Integers::from([(bucket, MIDNIGHT + SECOND)]);
    assert!(matches!(charging.refused(&read(&busy)), Step::Again));
    assert!(matches!(
        charging.refused(&UsageItem::default()),
        Step::Contradiction
    ));
}

/// A step of a random history: time passes, one of the workers calls.
fn steps() -> impl Strategy<Value = Vec<(i64, usize, u64, bool)>> {
    proptest::collection::vec(
        (0..400_000_000_i64, 0..4_usize, 1..3_u64, any::<bool>()),
        1..120,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Workers whose clocks differ and who remember different things; time frozen in each decision.
    #[test]
    fn no_window_admits_more_than_burst_and_rate_allow(
        rate in 1..50_u32, burst in 1..20_u64, steps in steps(), skews in proptest::collection::vec(-300..300_i64, 4),
    ) {
        let plan = plan(&format!(r#"{{"throttle":{{"rate":{rate},"burst":{burst}}}}}"#));
        let emission = plan.bucket.as_ref().unwrap().emission_for(1).unwrap();
        let mut workers: Vec<Worker> = std::iter::repeat_with(Worker::default).take(4).collect();
        let (mut item, mut time, mut admitted) = (Integers::new(), MIDNIGHT, Vec::new());
        for (step, worker, cost, _) in steps {
            time += Nanos::from(step);
            let now = time + Nanos::from(skews[worker]) * MILLISECOND;
            let demand = Demand::new(&plan, None, cost.min(burst), now).unwrap();
            if decide(&demand, &mut workers[worker], &mut item, |_| {}).allowed {
                admitted.push((now, Nanos::from(cost.min(burst))));
            }
        }
        admitted.sort_unstable();
        for first in 0..admitted.len() {
            let mut total = 0;
            for (now, cost) in &admitted[first..] {
                total += cost;
                prop_assert!(total * emission <= Nanos::from(burst) * emission + (now - admitted[first].0));
            }
        }
    }

    /// Whatever others charge between two writes of a decision, it ends after one write more than
    /// it has buckets.
    #[test]
    fn an_adversary_forces_one_write_more_than_there_are_buckets_at_most(
        steps in steps(), charges in proptest::collection::vec((0..3_u8, 1..3_u64), 0..6),
        is_paired in any::<bool>(),
    ) {
        let plan = plan(if is_paired { PAIRED } else { BOTH });
        let route = plan.route_limit("GET", "/a").cloned();
        let (mut item, mut time) = (Integers::new(), MIDNIGHT);
        let mut worker = Worker::default();
        for (step, _, cost, on_route) in steps {
            time += Nanos::from(step);
            let route = route.as_deref().filter(|_| on_route);
            let demand = Demand::new(&plan, route, cost, time).unwrap();
            let mut others = charges.iter();
            let outcome = decide(&demand, &mut worker, &mut item, |item| {
                if let Some((which, cost)) = others.next() {
                    // The adversary's clock is a little ahead, so that it turns idle buckets busy.
                    let route = plan.route_limit("GET", "/a").map(AsRef::as_ref).filter(|_| *which > 0);
                    let demand = Demand::new(&plan, route, *cost, time + Nanos::from(*which) * MILLISECOND).unwrap();
                    decide(&demand, &mut Worker::default(), item, |_| {});
                }
            });
            prop_assert!(outcome.writes <= demand.buckets().count() + 1);
        }
    }

    /// Others of this release and of the one before charge between two writes of a decision, with
    /// clocks that differ. It ends after the writes that the dialogue reckons with, and all of them
    /// together admit no more than burst and rate allow.
    #[test]
    fn two_releases_charge_between_the_writes_of_a_decision(
        steps in steps(), skew in -60..60_i64,
        charges in proptest::collection::vec((any::<bool>(), any::<bool>(), 1..3_u64, -60..60_i64), 0..8),
    ) {
        let plan = plan(PAIRED_WITHOUT_QUOTA);
        let route = plan.route_limit("GET", "/a").cloned();
        let bucket = plan.bucket.as_ref().unwrap();
        let emission = bucket.emission_for(0).unwrap();
        let (mut item, mut time, mut worker) = (Integers::new(), MIDNIGHT, Worker::default());
        let mut admitted = Vec::new();
        for (step, _, cost, on_route) in steps {
            time += Nanos::from(step);
            let now = time + Nanos::from(skew) * MILLISECOND;
            let demand = Demand::new(&plan, route.as_deref().filter(|_| on_route), cost, now).unwrap();
            let mut others = charges.iter();
            let outcome = decide(&demand, &mut worker, &mut item, |item| {
                let Some((is_before, on_route, cost, skew)) = others.next() else { return };
                let now = time + Nanos::from(*skew) * MILLISECOND;
                let demand = Demand::new(&plan, route.as_deref().filter(|_| *on_route), *cost, now).unwrap();
                let is_admitted = match is_before {
                    true => charge_before(&demand, item),
                    false => decide(&demand, &mut Worker::default(), item, |_| {}).allowed,
                };
                admitted.extend(is_admitted.then_some((now, Nanos::from(*cost))));
            });
            admitted.extend(outcome.allowed.then_some((now, Nanos::from(cost))));
            prop_assert!(outcome.writes <= demand.buckets().count() + 1 + LOST_PAIR_WRITES);
        }

        admitted.sort_unstable();
        for (index, (first, _)) in admitted.iter().enumerate() {
            let mut total = 0;
            for (instant, cost) in &admitted[index..] {
                total += cost;
                prop_assert!(total * emission <= bucket.depth(emission) + instant - first);
            }
        }
    }

    /// One worker alone decides as the embedded store does, and the item then holds what that store
    /// holds.
    #[test]
    fn it_decides_as_the_pure_decision_does(
        steps in steps(), queries in proptest::collection::vec(any::<bool>(), 120), forgets in any::<bool>(),
        document in prop::sample::select(vec![BOTH, PAIRED, SLIDING]),
    ) {
        let plan = plan(document);
        let route = plan.route_limit("GET", "/a").cloned();
        let (mut item, mut expected, mut time) = (Integers::new(), Usage::default(), MIDNIGHT);
        let mut worker = Worker::default();
        for ((step, _, cost, on_route), is_query) in steps.into_iter().zip(queries) {
            time += Nanos::from(step) * 3;
            let route = route.as_deref().filter(|_| on_route);
            let call = || Demand::new(&plan, route, cost, time).unwrap();
            let demand = if is_query { Demand::usage_query(&plan, time) } else { call() };
            if forgets {
                worker = Worker::default();
            }
            let outcome = decide(&demand, &mut worker, &mut item, |_| {});
            let decision = demand.charge(&mut expected);
            prop_assert_eq!(outcome.allowed, decision.verdict == Verdict::Allowed);
            if outcome.allowed {
                let told = ChargeDialogue::new(&demand, &CallerMemory::default()).charged(&worker.remembered.usage);
                prop_assert_eq!(told, decision);
            }
        }
        let id = WindowId { calendar: CalendarId::DAY, first_day: limits::day_of(MIDNIGHT).unwrap() };
        prop_assert_eq!(item.get("d20261122").copied().unwrap_or(0), Nanos::from(expected.count(id)));
    }

    /// Workers whose clocks differ: whoever is in a later window takes the others along, so that
    /// each window admits its limit at most, and what it and the one before it admit together is
    /// bounded as the estimate says.
    #[test]
    fn no_sliding_window_admits_more_than_its_limit(
        steps in steps(), skews in proptest::collection::vec(-300..300_i64, 4),
    ) {
        let plan = plan(r#"{"algorithm":"sliding_window","window_s":1,"limit":5}"#);
        let window = plan.sliding.as_ref().unwrap();
        let mut workers: Vec<Worker> = std::iter::repeat_with(Worker::default).take(4).collect();
        let (mut item, mut time, mut admitted) = (Integers::new(), MIDNIGHT, BTreeMap::<Nanos, Nanos>::new());
        for (step, worker, cost, _) in steps {
            time += Nanos::from(step);
            let now = time + Nanos::from(skews[worker]) * MILLISECOND;
            let demand = Demand::new(&plan, None, cost, now).unwrap();
            let outcome = decide(&demand, &mut workers[worker], &mut item, |_| {});
            prop_assert!(outcome.writes <= 1 + SLIDING_WRITES);
            if outcome.allowed {
                let start = demand.position(&workers[worker].remembered.usage).unwrap().start;
                prop_assert!(start >= window.start_of(now));
                *admitted.entry(start).or_default() += Nanos::from(cost);
            }
        }
        prop_assert!(admitted.values().all(|calls| *calls <= 5), "{admitted:?}");
    }
}
