//! Records that cannot be counted, and why.

use serde::Serialize;

/// The number of rejections that are named with their reasons. All are counted.
const MAX_NAMED: usize = 100;

/// Why a record cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not JSON, or a member of the wrong type.
    #[error("not a record: {0}")]
    Shape(String),
    /// A member that has to be there.
    #[error("`{0}` is missing or empty")]
    Missing(&'static str),
    /// Not a number.
    #[error("`{0}` is not a number of milliseconds")]
    Number(&'static str),
    /// Would break percentiles.
    #[error("`{0}` is negative")]
    Negative(&'static str),
    /// Longer than anything that is measured can take.
    #[error("`{0}` is more than 900000 ms (15 minutes)")]
    TooLong(&'static str),
    /// Neither of the two.
    #[error("`endpoint` is neither `vpce` nor `public`")]
    Endpoint,
    /// The dimensions are fixed; published without its own the record would mean something else.
    #[error("`dimensions` of its own cannot be published")]
    Dimensions,
    /// In no form that is known.
    #[error("`{0}` is not a time")]
    Time(&'static str),
    /// CloudWatch takes nothing older than 14 days.
    #[error("`timestamp` is older than 14 days")]
    TooOld,
    /// Nor from later than in 2 hours.
    #[error("`timestamp` is more than 2 hours ahead")]
    TooNew,
    /// One delivery holds more series and minutes than fit into memory.
    #[error("too many series and minutes in one delivery")]
    TooMany,
    /// A line that is neither an access-log line nor a call record nor a breaker's.
    #[error("neither an access-log line nor a call record")]
    UnknownLine,
}

/// What was rejected in one delivery.
#[derive(Debug, Default)]
pub struct Rejections {
    count: u64,
    named: Vec<Rejection>,
}

/// One record that was rejected.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the delivery, from 0.
    pub index: usize,
    /// Why.
    pub reason: String,
}

impl Rejections {
    /// Notes one.
    pub fn add(&mut self, index: usize, reason: &Reason) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(Rejection {
                index,
                reason: reason.to_string(),
            });
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first hundred.
    #[must_use]
    pub fn named(&self) -> &[Rejection] {
        &self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_hundred_named() {
        let mut rejections = Rejections::default();
        (0..5_000).for_each(|index| rejections.add(index, &Reason::TooOld));
        assert_eq!(
            (rejections.count(), rejections.named().len()),
            (5_000, MAX_NAMED)
        );
        assert_eq!(rejections.named()[1].index, 1);
        assert_eq!(
            rejections.named()[0].reason,
            "`timestamp` is older than 14 days"
        );
    }
}
