//! A model of the capacity of a DynamoDB table: partitions, each with a limit, that split under
//! heat, and a quota of the table.
//!
//! A partition takes 1,000 write units and 3,000 read units per second ("Best practices for
//! designing and using partition keys effectively in DynamoDB"). An item is in one partition, so the
//! limit is also that of an item. A partition that throttles for long is split where its heat is
//! divided in two ("Scaling DynamoDB: How partitions, hot keys, and split for heat impact
//! performance", part 3). AWS does not publish how long that takes, so it is a setting.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::timeline::{Instant, SECOND};

/// The write units that a partition takes per second.
pub const PARTITION_WRITES: f64 = 1000.0;
/// The read units that a partition takes per second.
pub const PARTITION_READS: f64 = 3000.0;
/// The default quota of a table's read units and write units per second ("Service, account, and
/// table quotas in Amazon DynamoDB").
pub const TABLE_QUOTA: f64 = 40_000.0;
/// The partitions of a new on-demand table, which sustains 4,000 writes per second ("DynamoDB
/// on-demand capacity mode").
pub const NEW_TABLE_PARTITIONS: u32 = 4;

/// The seconds of unused capacity by default: short bursts pass.
pub const KEPT_S: f64 = 0.1;

/// The number of writes that a partition remembers to find out where its heat is.
const HEAT_SAMPLES: usize = 64;
/// A partition without a throttle for this time is not hot.
const COOL_AFTER: Instant = SECOND;

/// The capacity of a table at the beginning, and the rules by which it changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// The number of partitions, which have equal ranges of the hashed key.
    pub partitions: u32,
    /// The quota of read units, and of write units, per second.
    pub quota: f64,
    /// The seconds of unused capacity that a partition keeps, and spends above its limit. DynamoDB
    /// keeps up to 300, but they do not raise the limit of a partition ("DynamoDB burst and adaptive
    /// capacity"; AWS re:Post, "How does DynamoDB handle spiky workloads in short intervals?").
    pub kept_s: f64,
    /// The seconds of throttles after which a partition is split.
    pub split_after_s: f64,
}

/// The reason why a request is throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// The partition of the item is at its limit.
    KeyRange,
    /// The table is at the quota of the account.
    Quota,
}

/// A kind of capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// Read units.
    Read,
    /// Write units.
    Write,
}

/// The partitions of one table.
#[derive(Debug)]
pub struct Partitions {
    capacity: Capacity,
    /// By the first hash of their range.
    ranges: BTreeMap<u64, Partition>,
    /// Those of the whole table, for reads and writes.
    quotas: [Bucket; 2],
    splits: u32,
}

#[derive(Clone, Debug)]
struct Partition {
    buckets: [Bucket; 2],
    /// The hashes of the last requests.
    heat: Vec<u64>,
    next_sample: usize,
    /// The first and the last throttle, until the partition cools.
    throttled: Option<[Instant; 2]>,
}

/// Units that are available now, and those that are added per second.
#[derive(Clone, Debug)]
struct Bucket {
    rate: f64,
    most: f64,
    level: f64,
    since: Instant,
}

/// Returns the hash of a partition key.
#[must_use]
pub fn hash_of(key: &str) -> u64 {
    // Its keys are constants, so that each run has the same partitions.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Capacity {
    /// Returns a table that sustains `writes` write units per second, if they are spread evenly, and
    /// whose quota is raised to that.
    #[must_use]
    pub fn warm(writes: f64) -> Self {
        let mut partitions = NEW_TABLE_PARTITIONS;
        while f64::from(partitions) * PARTITION_WRITES < writes {
            partitions += 1;
        }
        Self {
            partitions,
            quota: writes.max(TABLE_QUOTA),
            ..Self::new_table()
        }
    }

    /// Returns a new on-demand table with the default quota.
    #[must_use]
    pub fn new_table() -> Self {
        Self {
            partitions: NEW_TABLE_PARTITIONS,
            quota: TABLE_QUOTA,
            kept_s: KEPT_S,
            split_after_s: 300.0,
        }
    }
}

impl Partitions {
    /// Returns the partitions of a table that has been idle.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let width = u64::MAX / u64::from(capacity.partitions.max(1));
        let partition = Partition::new(capacity.kept_s);
        let quota = Bucket::full(capacity.quota, KEPT_S);
        Self {
            capacity,
            ranges: (0..u64::from(capacity.partitions.max(1)))
                .map(|number| (number * width, partition.clone()))
                .collect(),
            quotas: [quota.clone(), quota],
            splits: 0,
        }
    }

    /// Takes units for a request to the item with this hash.
    ///
    /// # Errors
    /// [`Throttle`]. Nothing is taken then.
    pub fn take(
        &mut self,
        hash: u64,
        kind: Units,
        units: f64,
        now: Instant,
    ) -> Result<(), Throttle> {
        let quota = &mut self.quotas[kind as usize];
        if !quota.has(units, now) {
            return Err(Throttle::Quota);
        }
        let Some((start, partition)) = self.ranges.range_mut(..=hash).next_back() else {
            return Err(Throttle::KeyRange);
        };
        partition.sample(hash);
        if partition.buckets[kind as usize].has(units, now) {
            partition.buckets[kind as usize].level -= units;
            quota.level -= units;
            return Ok(());
        }

        let start = *start;
        if partition.is_due(now, self.capacity.split_after_s) {
            self.split(start, now);
        }
        Err(Throttle::KeyRange)
    }

    /// Returns the number of partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns false: a table has at least one partition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the number of splits so far.
    #[must_use]
    pub fn splits(&self) -> u32 {
        self.splits
    }

    /// Splits a partition where half of its requests are on each side. One item cannot be split.
    fn split(&mut self, start: u64, now: Instant) {
        let Some(partition) = self.ranges.get_mut(&start) else {
            return;
        };
        let point = partition.middle();
        partition.cool();
        let Some(point) = point else { return };

        let mut upper = Partition::new(self.capacity.kept_s);
        for bucket in &mut upper.buckets {
            (bucket.level, bucket.since) = (0.0, now);
        }
        self.ranges.insert(point, upper);
        self.splits += 1;
    }
}

impl Partition {
    fn new(kept_s: f64) -> Self {
        Self {
            buckets: [
                Bucket::full(PARTITION_READS, kept_s),
                Bucket::full(PARTITION_WRITES, kept_s),
            ],
            heat: Vec::with_capacity(HEAT_SAMPLES),
            next_sample: 0,
            throttled: None,
        }
    }

    fn sample(&mut self, hash: u64) {
        if self.heat.len() < HEAT_SAMPLES {
            self.heat.push(hash);
        } else {
            self.heat[self.next_sample] = hash;
            self.next_sample = (self.next_sample + 1) % HEAT_SAMPLES;
        }
    }

    /// Records a throttle, and returns true if the partition has throttled for `split_after_s`.
    fn is_due(&mut self, now: Instant, split_after_s: f64) -> bool {
        let first = match self.throttled {
            Some([first, last]) if now - last < COOL_AFTER => first,
            _ => now,
        };
        self.throttled = Some([first, now]);
        seconds(now - first) >= split_after_s
    }

    fn cool(&mut self) {
        self.throttled = None;
        self.heat.clear();
        self.next_sample = 0;
    }

    /// Returns the first hash of the upper half of the heat. `None` if all of it is one item.
    fn middle(&self) -> Option<u64> {
        let mut heat = self.heat.clone();
        heat.sort_unstable();
        let (lowest, middle) = (*heat.first()?, *heat.get(heat.len() / 2)?);
        if middle > lowest {
            return Some(middle);
        }
        heat.into_iter().find(|hash| *hash > lowest)
    }
}

impl Bucket {
    /// Returns a bucket that holds the units of `kept_s` seconds.
    fn full(rate: f64, kept_s: f64) -> Self {
        let most = rate * kept_s;
        Self {
            rate,
            most,
            level: most,
            since: 0,
        }
    }

    fn has(&mut self, units: f64, now: Instant) -> bool {
        let added = seconds(now - self.since) * self.rate;
        self.since = now;
        self.level = (self.level + added).min(self.most);
        self.level >= units
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits of nanoseconds are three months"
)]
fn seconds(duration: Instant) -> f64 {
    duration as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes to the keys in turn, `rate` times per second from `from_s` to `to_s`. Returns the
    /// accepted writes, and the throttles by the partition and by the quota.
    fn load(table: &mut Partitions, keys: &[u64], rate: u64, from_s: u64, to_s: u64) -> [u64; 3] {
        let mut counts = [0; 3];
        for number in 0..rate * (to_s - from_s) {
            let now = from_s * SECOND + number * SECOND / rate;
            let key = keys[usize::try_from(number).unwrap() % keys.len()];
            counts[match table.take(key, Units::Write, 1.0, now) {
                Ok(()) => 0,
                Err(Throttle::KeyRange) => 1,
                Err(Throttle::Quota) => 2,
            }] += 1;
        }
        counts
    }

    /// Returns keys whose hashes are spread evenly.
    fn spread(count: u64) -> Vec<u64> {
        (0..count)
            .map(|number| number * (u64::MAX / count) + 1)
            .collect()
    }

    fn table(capacity: Capacity) -> Partitions {
        Partitions::new(capacity)
    }

    fn within(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) * 100 <= expected
    }

    #[test]
    fn item_takes_a_thousand_writes_per_second_on_any_table() {
        for capacity in [Capacity::new_table(), Capacity::warm(100_000.0)] {
            let [accepted, throttled, _] = load(&mut table(capacity), &[7], 5000, 0, 10);
            assert!(within(accepted, 10_100), "{accepted}");
            assert_eq!(accepted + throttled, 50_000);
        }
    }

    #[test]
    fn new_table_takes_four_thousand_writes_per_second() {
        let [accepted, ..] = load(
            &mut table(Capacity::new_table()),
            &spread(1000),
            10_000,
            0,
            10,
        );
        assert!(within(accepted, 40_400), "{accepted}");
    }

    #[test]
    fn warm_table_takes_what_it_is_warmed_for() {
        let mut table = table(Capacity::warm(50_000.0));
        assert_eq!(
            load(&mut table, &spread(1000), 45_000, 0, 4),
            [180_000, 0, 0]
        );
        assert_eq!(table.len(), 50);
    }

    #[test]
    fn quota_limits_the_table_and_names_itself() {
        let capacity = Capacity {
            quota: TABLE_QUOTA,
            ..Capacity::warm(100_000.0)
        };
        let [accepted, key_range, quota] = load(&mut table(capacity), &spread(1000), 80_000, 0, 5);
        assert!(within(accepted, 204_000), "{accepted}");
        assert_eq!((key_range, accepted + quota), (0, 400_000));
    }

    #[test]
    fn reads_and_writes_have_limits_of_their_own() {
        let mut table = table(Capacity::new_table());
        let reads = (0..20_000).filter(|number| {
            let now = number * SECOND / 10_000;
            table.take(7, Units::Read, 1.0, now).is_ok()
        });
        assert!(within(reads.count() as u64, 6300));
        assert_eq!(table.take(7, Units::Write, 1.0, 2 * SECOND), Ok(()));
    }

    #[test]
    fn kept_capacity_is_spent_once() {
        let capacity = Capacity {
            kept_s: 300.0,
            ..Capacity::new_table()
        };
        let mut table = table(capacity);
        // 300,000 units are kept, and 1,000 are added per second: 300 seconds at 2,000.
        assert_eq!(load(&mut table, &[7], 2000, 0, 299), [598_000, 0, 0]);
        let [accepted, ..] = load(&mut table, &[7], 2000, 310, 320);
        assert!(accepted < 25_000, "{accepted}");
    }

    #[test]
    fn hot_partition_is_split_and_then_takes_twice_as_much() {
        let capacity = Capacity {
            split_after_s: 10.0,
            ..Capacity::new_table()
        };
        let mut table = table(capacity);
        let keys: Vec<u64> = (1..=64).collect();
        // Ten seconds at 1,000 writes per second, and one in which both halves take everything.
        let [before, ..] = load(&mut table, &keys, 1900, 0, 11);
        assert!((11_500..12_000).contains(&before), "{before}");
        assert_eq!((table.splits(), table.len()), (1, 5));
        let [after, throttled, _] = load(&mut table, &keys, 1900, 12, 20);
        assert!(throttled * 20 < after, "{after} {throttled}");
    }

    #[test]
    fn hot_item_is_isolated_but_not_split() {
        let capacity = Capacity {
            split_after_s: 5.0,
            ..Capacity::new_table()
        };
        let mut table = table(capacity);
        // Half of the writes are of one item, with neighbors on both sides.
        let mut keys: Vec<u64> = (1..=100).collect();
        keys.extend([50; 100]);
        load(&mut table, &keys, 4000, 0, 60);
        let splits = table.splits();
        let [alone, throttled, _] = load(&mut table, &[50], 2000, 60, 120);
        assert!(
            within(alone, 60_000) && throttled > 50_000,
            "{alone} {throttled}"
        );
        assert_eq!(table.splits(), splits);
        assert_eq!(load(&mut table, &[1, 99], 1000, 120, 130), [10_000, 0, 0]);
    }

    #[test]
    fn partition_that_cools_is_not_split() {
        let capacity = Capacity {
            split_after_s: 5.0,
            ..Capacity::new_table()
        };
        let mut table = table(capacity);
        for second in [0, 10, 20, 30] {
            load(&mut table, &[1, 2], 4000, second, second + 3);
        }
        assert_eq!(table.splits(), 0);
    }
}
