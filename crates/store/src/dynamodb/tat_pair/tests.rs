use super::super::clamp::clamp;
use super::super::expression::Clause;
use super::super::expression::tests::apply;
use super::*;
use limits::{Demand, Plan, Throttle, Usage};
use proptest::prelude::*;
use testing::Integers;

const NOW: Nanos = 1_795_348_800 * SECOND;
const MILLISECOND: Nanos = 1_000_000;
/// 100 calls per second.
const EMISSION: Nanos = 10 * MILLISECOND;
const FORMS: [PairForm; 5] = [
    PairForm::Restart,
    PairForm::DropOlder,
    PairForm::DropNewer,
    PairForm::Advance { swap: false },
    PairForm::Advance { swap: true },
];

fn bucket(rate: f64, burst: u64) -> Bucket {
    Bucket::new("", "burst", &Throttle { rate, burst }, 0)
}

fn margin_of(rate: f64, burst: u64) -> Option<Nanos> {
    let bucket = bucket(rate, burst);
    margin(&bucket, bucket.emission_for(0).unwrap())
}

/// The state of the bucket in the item.
#[derive(Clone, Copy, Debug)]
struct State {
    tat: Option<Nanos>,
    ceiling: Option<Nanos>,
    is_pair: bool,
}

fn state(item: &Integers, names: &PairNames) -> State {
    let number = |name: &String| item.get(name).copied();
    let ceiling = number(&names.ceiling);
    let is_pair = ceiling.is_some() && ceiling == number(&names.copy);
    let greater = number(&names.older).max(number(&names.newer));
    State {
        tat: if is_pair { greater } else { ceiling },
        ceiling,
        is_pair,
    }
}

/// A bucket whose decisions are known, and its item.
struct Bench {
    bucket: Bucket,
    names: PairNames,
    item: Integers,
}

impl Bench {
    fn new(burst: u64) -> Self {
        let bucket = bucket(100.0, burst);
        Self {
            names: PairNames::of(bucket.id),
            bucket,
            item: Integers::new(),
        }
    }

    fn state(&self) -> State {
        state(&self.item, &self.names)
    }

    fn charge(&self, form: PairForm, now: Nanos, cost: Nanos) -> PairCharge {
        PairCharge {
            names: self.names.clone(),
            form,
            now,
            by: EMISSION * cost,
            latest: now + self.bucket.depth(EMISSION) - EMISSION * cost,
            margin: margin(&self.bucket, EMISSION).unwrap(),
        }
    }

    /// Charges as the release before, which knows the ceiling alone.
    fn charge_before(&mut self, now: Nanos, cost: Nanos) -> bool {
        let by = EMISSION * cost;
        let attribute = self.names.ceiling.clone();
        let latest = now + self.bucket.depth(EMISSION) - by;
        let is_busy = self.state().ceiling.is_some_and(|tat| tat > now);
        let clause = if is_busy {
            Clause::Busy {
                attribute,
                now,
                by,
                latest,
            }
        } else {
            Clause::Idle {
                attribute,
                now,
                tat: now + by,
            }
        };
        apply(&[clause], &mut self.item)
    }
}

#[test]
fn small_buckets_have_no_pair() {
    assert_eq!(margin_of(100.0, 7), None);
    assert_eq!(margin_of(100.0, 8), Some(EMISSION));
}

#[test]
fn a_margin_is_a_few_tokens_or_a_short_time() {
    assert_eq!(margin_of(100.0, 100), Some(80 * MILLISECOND));
    assert_eq!(margin_of(10_000.0, 20_000), Some(50 * MILLISECOND));
    assert_eq!(margin_of(1.0, 10), Some(SECOND * 10 / 8));
}

#[test]
fn the_release_before_takes_no_ceiling_for_the_number_of_a_fast_clock() {
    // The clock of the instance that writes is ahead by this time.
    let ahead = 3 * SECOND;
    for (rate, burst) in [(10.0, 1_000), (2.0, 64), (1.0, 1_000), (0.5, 64)] {
        let json = serde_json::json!({"throttle": {"rate": rate, "burst": burst}});
        let plan = Plan::new("p", serde_json::from_value(json).unwrap()).unwrap();
        let demand = Demand::new(&plan, None, 1, NOW).unwrap();
        let bucket = plan.bucket.as_ref().unwrap();
        let emission = bucket.emission_for(0).unwrap();

        let ceiling = NOW + ahead + bucket.depth(emission) + margin(bucket, emission).unwrap();
        let seen = Usage::new(vec![(bucket.id, ceiling)], Vec::new());
        assert_eq!(clamp(&demand, &seen), [], "{rate} per second");
    }
    // One token is longer than the greatest margin.
    assert_eq!(margin_of(0.4, 1_000), None);
}

#[test]
fn the_form_follows_the_share_of_busy_calls() {
    let after = |calls: &[bool]| {
        let share = BusyShare::default();
        calls.iter().fold(share, |share, busy| share.with(*busy))
    };
    assert_eq!(after(&[]).likely_form(), PairForm::DropOlder);
    assert_eq!(after(&[false; 20]).likely_form(), PairForm::DropOlder);
    assert_eq!(after(&[true; 20]).likely_form(), PairForm::DropNewer);

    let idle_again = [[true; 20], [false; 20]].concat();
    assert_eq!(after(&idle_again).likely_form(), PairForm::DropOlder);
}

#[test]
fn an_item_of_the_release_before_is_continued() {
    for (ceiling, form) in [
        (NOW - SECOND, PairForm::Restart),
        (NOW + SECOND / 2, PairForm::Advance { swap: false }),
    ] {
        let mut bench = Bench::new(100);
        bench.item.insert(bench.names.ceiling.clone(), ceiling);
        let clause = Clause::Pair(bench.charge(form, NOW, 1));
        assert!(apply(&[clause], &mut bench.item), "{form:?}");
        assert_eq!(bench.state().tat, Some(ceiling.max(NOW) + EMISSION));
    }
}

#[test]
fn a_check_of_a_pair_reads_the_tat_and_not_the_ceiling() {
    let mut bench = Bench::new(100);
    let clause = Clause::Pair(bench.charge(PairForm::Restart, NOW, 1));
    assert!(apply(&[clause], &mut bench.item));
    let tat = NOW + EMISSION;
    assert!(bench.state().ceiling > Some(tat));

    for (most, is_met) in [(tat, true), (tat - 1, false)] {
        let names = bench.names.clone();
        let check = Clause::PairAtMost { names, most };
        assert_eq!(apply(&[check], &mut bench.item), is_met);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any form that fits charges exactly, and a busy or an idle bucket always has one that fits.
    /// Clocks differ.
    #[test]
    fn every_form_that_fits_charges_exactly(
        burst in 8..60_u64,
        calls in proptest::collection::vec((0..40_i64, -5..5_i64, 1..4_i64, 0..5_usize), 1..150),
    ) {
        let mut bench = Bench::new(burst);
        let (mut time, mut tat) = (NOW, None::<Nanos>);
        for (step, skew, cost, form) in calls {
            time += Nanos::from(step) * MILLISECOND;
            let now = time + Nanos::from(skew) * MILLISECOND;
            let certain = match tat > Some(now) {
                true => PairForm::Advance { swap: form == 4 },
                false => PairForm::Restart,
            };
            let expected = bench.bucket.take(EMISSION, tat, u64::try_from(cost).unwrap(), now);

            let clause = |form| Clause::Pair(bench.charge(form, now, cost.into()));
            let (guess, certain) = (clause(FORMS[form]), clause(certain));
            let fits = apply(&[guess], &mut bench.item);
            prop_assert!(!fits || expected.is_ok(), "{:?} fits a refused call", FORMS[form]);
            prop_assert_eq!(fits || apply(&[certain], &mut bench.item), expected.is_ok());

            tat = expected.ok().or(tat);
            let state = bench.state();
            prop_assert_eq!(state.tat, tat);
            prop_assert!(state.ceiling >= tat);
        }
    }

    /// The two releases charge in turn. Together they admit no more than burst and rate allow.
    #[test]
    fn two_releases_never_admit_too_much(
        burst in 8..60_u64,
        calls in proptest::collection::vec((0..30_i64, 1..4_i64, 0..5_usize, any::<bool>()), 1..150),
    ) {
        let mut bench = Bench::new(burst);
        let margin = margin(&bench.bucket, EMISSION).unwrap();
        let (mut now, mut exact, mut admitted) = (NOW, None::<Nanos>, Vec::new());
        for (step, cost, form, is_before) in calls {
            now += Nanos::from(step) * MILLISECOND;
            let cost = Nanos::from(cost);
            let fits = if is_before {
                bench.charge_before(now, cost)
            } else {
                let is_busy = bench.state().tat > Some(now);
                let certain = if is_busy { FORMS[3] } else { PairForm::Restart };
                let [guess, certain] =
                    [FORMS[form], certain].map(|form| Clause::Pair(bench.charge(form, now, cost)));
                apply(&[guess], &mut bench.item) || apply(&[certain], &mut bench.item)
            };
            if fits {
                exact = Some(exact.unwrap_or(now).max(now) + EMISSION * cost);
                admitted.push((now, cost));
            }

            let state = bench.state();
            prop_assert!(state.tat >= exact, "a call was not charged: {state:?}");
            if state.is_pair {
                prop_assert!(state.ceiling <= state.tat.map(|tat| tat + margin));
            }
        }

        for (index, (first, _)) in admitted.iter().enumerate() {
            let mut total = 0;
            for (instant, cost) in &admitted[index..] {
                total += cost;
                prop_assert!(total * EMISSION <= bench.bucket.depth(EMISSION) + instant - first);
            }
        }
    }
}
