//! The figures of a simulation.

use serde_json::{Value, json};

use crate::call::Outcome;
use crate::scenario::Scenario;
use crate::tables::Tables;
use crate::timeline::{Instant, MILLISECOND, SECOND};

/// The first and the last rank of each row.
pub const RANKS: [[u32; 2]; 9] = [
    [1, 1],
    [2, 3],
    [4, 6],
    [7, 10],
    [11, 100],
    [101, 1_000],
    [1_001, 10_000],
    [10_001, 100_000],
    [100_001, 1_000_000],
];
/// The width of a class of durations.
const CLASS: Instant = 100_000;
const CLASSES: usize = 10_000;

/// The counted decisions.
#[derive(Debug)]
pub struct Tally {
    /// The beginning of the measurement.
    begin: Option<Instant>,
    /// The outcomes of each key since then.
    outcomes: Vec<[u32; Outcome::COUNT]>,
    /// The allowed calls of each key since the beginning of the simulation.
    allowed: Vec<u32>,
    durations: Vec<u64>,
    busy: u32,
    peak: u32,
    /// The time of all instances with a call, since the beginning of the measurement.
    busy_time: u128,
    changed: Instant,
}

/// The figures, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Results(pub Value);

impl Tally {
    /// Returns an empty tally of `keys` keys.
    #[must_use]
    pub fn new(keys: u32) -> Self {
        Self {
            begin: None,
            outcomes: vec![[0; Outcome::COUNT]; keys as usize + 1],
            allowed: vec![0; keys as usize + 1],
            durations: vec![0; CLASSES],
            busy: 0,
            peak: 0,
            busy_time: 0,
            changed: 0,
        }
    }

    /// Begins the measurement.
    pub fn begin(&mut self, now: Instant) {
        (self.begin, self.changed) = (Some(now), now);
        (self.busy_time, self.peak) = (0, self.busy);
    }

    /// Counts the beginning of a call.
    pub fn start(&mut self, now: Instant) {
        self.pass(now);
        self.busy += 1;
        self.peak = self.peak.max(self.busy);
    }

    /// Counts the end of a call.
    pub fn end(&mut self, rank: u32, outcome: Outcome, began: Instant, now: Instant) {
        self.pass(now);
        self.busy -= 1;
        self.allowed[rank as usize] += u32::from(outcome == Outcome::Allowed);
        if self.begin.is_some() {
            self.outcomes[rank as usize][outcome as usize] += 1;
            let class = usize::try_from((now - began) / CLASS).unwrap_or(CLASSES);
            self.durations[class.min(CLASSES - 1)] += 1;
        }
    }

    /// Returns the outcomes of the keys from rank `from` to `to`.
    #[must_use]
    pub fn outcomes(&self, from: u32, to: u32) -> [u64; Outcome::COUNT] {
        let last = (to as usize).min(self.outcomes.len() - 1);
        let rows = self.outcomes.get(from as usize..=last).unwrap_or_default();
        rows.iter().fold([0; Outcome::COUNT], |sum, row| {
            std::array::from_fn(|kind| sum[kind] + u64::from(row[kind]))
        })
    }

    /// Returns the calls that were allowed above the limits of a plan until `now`.
    #[must_use]
    pub fn above_limit(&self, [rate, burst]: [f64; 2], now: Instant) -> f64 {
        let most = burst + rate * seconds(now);
        let above = |allowed: &u32| (f64::from(*allowed) - most).max(0.0);
        self.allowed.iter().map(above).sum()
    }

    fn pass(&mut self, now: Instant) {
        self.busy_time += u128::from(now - self.changed) * u128::from(self.busy);
        self.changed = now;
    }

    /// Returns the duration in milliseconds that a share of the calls does not exceed.
    fn duration_ms(&self, share: f64) -> f64 {
        let calls: u64 = self.durations.iter().sum();
        let (mut sum, wanted) = (0, share * float(calls));
        let class = self.durations.iter().position(|count| {
            sum += count;
            float(sum) >= wanted
        });
        float(class.unwrap_or(CLASSES) as u64 + 1) * float(CLASS) / 1e6
    }
}

impl Results {
    /// Returns the figures of a simulation that has ended.
    #[must_use]
    pub fn new(scenario: &Scenario, tally: &Tally, instances: usize, tables: &Tables) -> Self {
        let counts = &tables.counts;
        let measured = u64::from(scenario.measured_ms) * MILLISECOND;
        let end = u64::from(scenario.warm_up_ms) * MILLISECOND + measured;
        let rows = RANKS.iter().filter(|[from, _]| *from <= scenario.keys);
        let rows = rows.map(|[from, to]| {
            let [made, refused, throttled] = counts.writes(*from, *to);
            json!({
                "ranks": [from, to], "outcomes": named(tally.outcomes(*from, *to)),
                "writes": {"made": made, "refused": refused, "throttled": throttled},
            })
        });
        let outcomes = tally.outcomes(0, scenario.keys);
        let hottest = counts.writes(1, 1);
        Self(json!({
            "name": scenario.name, "settings": scenario.settings(),
            "decisions": outcomes.iter().sum::<u64>(), "outcomes": named(outcomes),
            "writes": {"made": counts.done(), "refused": counts.refused(), "throttled": counts.throttled(),
                "throttled_by_quota": counts.quota},
            "read_units": counts.read_units, "throttled_reads": counts.throttled_reads,
            "usage_reads": counts.usage_reads, "unknown_requests": counts.unknown,
            "hottest_item_writes": hottest[0] + hottest[1],
            "splits": tables.usage().splits(), "partitions": tables.usage().len(),
            "instances": instances, "peak_concurrency": tally.peak,
            "mean_concurrency": rounded(tally.busy_time as f64 / float(measured)),
            "duration_ms": {"p50": rounded(tally.duration_ms(0.5)), "p99": rounded(tally.duration_ms(0.99))},
            "calls_above_limit": scenario.throttle().map(|throttle| tally.above_limit(throttle, end).ceil()),
            "ranks": rows.collect::<Vec<_>>(),
        }))
    }
}

fn named(outcomes: [u64; Outcome::COUNT]) -> Value {
    let [allowed, limited, hot_item, degraded, unavailable, failed] = outcomes;
    json!({
        "allowed": allowed, "limited": limited, "hot_item": hot_item, "degraded": degraded,
        "unavailable": unavailable, "failed": failed,
    })
}

fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn seconds(duration: Instant) -> f64 {
    float(duration) / float(SECOND)
}

#[expect(clippy::cast_precision_loss, reason = "the figures are rounded")]
fn float(number: u64) -> f64 {
    number as f64
}
