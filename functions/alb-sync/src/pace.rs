//! How fast name servers are asked. A VPC's resolver takes 1,024 packets a second from a network
//! interface, and leaves others unanswered (Amazon VPC User Guide, "DNS quotas").

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Half of what a VPC's resolver takes: an answer may need a second packet over TCP, and others
/// share the interface.
const PER_SECOND: u32 = 500;
/// This many may go at once, so that a run with a query for each name is not slowed down.
const BURST: u32 = 100;

const SPACING: Duration = Duration::from_nanos(1_000_000_000 / PER_SECOND as u64);

/// A token bucket over all queries of a function, whichever run they belong to.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// Takes a token: returns from when on the query may be sent.
    pub(crate) fn take(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = full_at.map_or(now, |full_at| full_at.max(now));
        *full_at = Some(from + SPACING);
        let ahead = from
            .saturating_duration_since(now)
            .saturating_sub(SPACING * (BURST - 1));
        now + ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_what_follows_at_500_a_second() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(pace.take(now), now);
        }
        for count in 1..=1_000 {
            assert_eq!(pace.take(now), now + SPACING * count);
        }
        assert_eq!(SPACING * PER_SECOND, Duration::from_secs(1));
    }

    #[test]
    fn no_second_has_more_queries_than_rate_and_burst() {
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
        assert!(most.max().unwrap() <= usize::try_from(PER_SECOND + BURST).unwrap());
    }

    #[test]
    fn a_rest_fills_the_bucket_and_no_more() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..BURST + 50 {
            pace.take(now);
        }
        let later = now + Duration::from_secs(3_600);
        let times: Vec<_> = (0..=BURST).map(|_| pace.take(later)).collect();
        assert!(times[..BURST as usize].iter().all(|at| *at == later));
        assert_eq!(times[BURST as usize], later + SPACING);
    }
}
