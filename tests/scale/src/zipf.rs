//! Keys whose popularity follows Zipf's law: the key of rank n has a share in proportion to n^-s.

/// The cumulated shares of the ranks.
#[derive(Clone, Debug)]
pub struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// Returns the distribution of `keys` keys with the exponent `exponent`.
    #[must_use]
    pub fn new(keys: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=keys).map(|rank| f64::from(rank).powf(-exponent));
        let mut cumulated: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        for share in &mut cumulated {
            *share /= sum;
        }
        Self { cumulated }
    }

    /// Returns the rank, from 1, at `point`, which is between 0 and 1.
    #[must_use]
    pub fn rank(&self, point: f64) -> u32 {
        let before = self.cumulated.partition_point(|share| *share <= point);
        let last = self.cumulated.len().saturating_sub(1);
        u32::try_from(before.min(last) + 1).unwrap_or(u32::MAX)
    }

    /// Returns the share of a rank, from 1.
    #[must_use]
    pub fn share(&self, rank: u32) -> f64 {
        let at = |rank: u32| match rank {
            0 => 0.0,
            _ => self
                .cumulated
                .get(rank as usize - 1)
                .copied()
                .unwrap_or(1.0),
        };
        at(rank) - at(rank - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_rank_of_a_million_has_a_fourteenth_of_the_calls() {
        let zipf = Zipf::new(1_000_000, 1.0);
        // The harmonic number of a million is 14.39.
        assert!((zipf.share(1) - 1.0 / 14.392_726).abs() < 1e-6);
        assert!((zipf.share(1) / zipf.share(10) - 10.0).abs() < 1e-6);
    }

    #[test]
    fn ranks_are_drawn_in_proportion_to_their_shares() {
        let (zipf, mut random) = (Zipf::new(1000, 1.0), fastrand::Rng::with_seed(7));
        let mut drawn = vec![0u32; 1001];
        for _ in 0..200_000 {
            drawn[zipf.rank(random.f64()) as usize] += 1;
        }
        for rank in [1, 2, 10] {
            let (found, expected) = (
                f64::from(drawn[rank as usize]),
                200_000.0 * zipf.share(rank),
            );
            assert!(
                (found / expected - 1.0).abs() < 0.05,
                "{rank}: {found} {expected}"
            );
        }
        assert_eq!((zipf.rank(0.0), zipf.rank(1.0)), (1, 1000));
    }
}
