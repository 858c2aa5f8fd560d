//! The counted requests to the tables.

use crate::documents::Documents;
use crate::partitions::Throttle;

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was made.
    Done,
    /// Its condition was not met.
    Refused,
    /// It was throttled.
    Throttled(Throttle),
}

/// The requests since the last reset.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// The writes of each key: made, refused and throttled. The first entry has no rank.
    writes: Vec<[u32; 3]>,
    /// Writes that the quota of the table throttled.
    pub quota: u64,
    /// Consistent reads of usage.
    pub usage_reads: u64,
    /// Read units of the registry.
    pub read_units: f64,
    /// Reads of the registry that were throttled.
    pub throttled_reads: u64,
    /// Requests that the simulation does not know. There must be none.
    pub unknown: u64,
}

impl Counts {
    /// Returns counts of `keys` keys.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        Self {
            writes: vec![[0; 3]; keys + 1],
            ..Self::default()
        }
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        let unknown = self.unknown;
        *self = Self::new(self.writes.len().saturating_sub(1));
        self.unknown = unknown;
    }

    /// Counts a write to the item with this id.
    pub fn write(&mut self, id: &str, attempt: Attempt) {
        let rank = Documents::rank_of(id).unwrap_or(0);
        let kind = match attempt {
            Attempt::Done => 0,
            Attempt::Refused => 1,
            Attempt::Throttled(throttle) => {
                self.quota += u64::from(throttle == Throttle::Quota);
                2
            }
        };
        if let Some(counts) = self.writes.get_mut(rank as usize) {
            counts[kind] += 1;
        }
    }

    /// Returns the writes of the keys from rank `from` to `to`: made, refused and throttled.
    #[must_use]
    pub fn writes(&self, from: u32, to: u32) -> [u64; 3] {
        let last = (to as usize).min(self.writes.len().saturating_sub(1));
        let counts = self.writes.get(from as usize..=last).unwrap_or_default();
        counts.iter().fold([0; 3], |sum, counts| {
            std::array::from_fn(|kind| sum[kind] + u64::from(counts[kind]))
        })
    }

    /// Returns the number of writes that were made.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.writes(0, u32::MAX)[0]
    }

    /// Returns the number of writes whose condition was not met.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.writes(0, u32::MAX)[1]
    }

    /// Returns the number of writes that were throttled.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.writes(0, u32::MAX)[2]
    }
}
