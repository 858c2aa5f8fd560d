//! The rate limit of DNS queries.
//!
//! A VPC's resolver accepts 1,024 packets per second from a network interface, and drops the rest
//! (Amazon VPC User Guide, "DNS quotas").

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Half of the quota: a response may need a second packet over TCP, and the interface is shared.
const QUERIES_PER_SECOND: u32 = 500;
/// The number of queries that may be sent at once, so that a run with one query per name is not
/// delayed.
const BURST_QUERIES: u32 = 100;

const SPACING: Duration = Duration::from_nanos(1_000_000_000 / QUERIES_PER_SECOND as u64);

/// A token bucket for all queries of a process, across overlapping runs.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// Takes a token, and returns when the query may be sent.
    pub(crate) fn take(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_from = full_at.map_or(now, |full_at| full_at.max(now));
        *full_at = Some(full_from + SPACING);

        let delay = full_from
            .saturating_duration_since(now)
            .saturating_sub(SPACING * (BURST_QUERIES - 1));
        now + delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_sent_at_once_and_further_queries_at_500_per_second() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..BURST_QUERIES {
            assert_eq!(pace.take(now), now);
        }
        for count in 1..=1_000 {
            assert_eq!(pace.take(now), now + SPACING * count);
        }
        assert_eq!(SPACING * QUERIES_PER_SECOND, Duration::from_secs(1));
    }

    #[test]
    fn no_second_has_more_queries_than_rate_plus_burst() {
        let (pace, begin) = (Pace::default(), Instant::now());
        let mut random = fastrand::Rng::with_seed(6);
        let (mut now, mut sent) = (begin, Vec::new());
        for _ in 0..20_000 {
            now += Duration::from_micros(random.u64(0..3_000));
            sent.push(pace.take(now).duration_since(begin));
        }
        sent.sort_unstable();
        let most = (0..sent.len()).map(|first| {
            let end = sent[first] + Duration::from_secs(1);
            sent.partition_point(|at| *at < end) - first
        });
        assert!(
            most.max().unwrap() <= usize::try_from(QUERIES_PER_SECOND + BURST_QUERIES).unwrap()
        );
    }

    #[test]
    fn a_pause_fills_the_bucket_only_to_its_capacity() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..BURST_QUERIES + 50 {
            pace.take(now);
        }
        let later = now + Duration::from_secs(3_600);
        let times: Vec<_> = (0..=BURST_QUERIES).map(|_| pace.take(later)).collect();
        assert!(
            times[..BURST_QUERIES as usize]
                .iter()
                .all(|at| *at == later)
        );
        assert_eq!(times[BURST_QUERIES as usize], later + SPACING);
    }
}
