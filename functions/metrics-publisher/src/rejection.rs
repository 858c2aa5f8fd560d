//! Records that cannot be counted, and the reasons.

use serde::Serialize;
use telemetry::shorten;

/// The maximum number of rejections that are listed with their reasons. All are counted.
const MAX_LISTED: usize = 100;

/// The reason why a record, or one of its values, cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The record is not JSON, or a field has the wrong type.
    #[error("not a record: {0}")]
    Shape(String),
    /// A required field is missing or empty.
    #[error("`{0}` is missing or empty")]
    Missing(&'static str),
    /// A field is neither true nor false.
    #[error("`{0}` is neither true nor false")]
    Boolean(&'static str),
    /// A duration is not a number.
    #[error("`{0}` is not a number of milliseconds")]
    Number(&'static str),
    /// A duration is negative.
    #[error("`{0}` is negative")]
    Negative(&'static str),
    /// A duration is longer than any call or request can take.
    #[error("`{0}` is more than 900000 ms (15 minutes)")]
    TooLong(&'static str),
    /// The counts of an aggregate do not fit its values.
    #[error("`counts` needs a number above 0 for each of `values`")]
    Counts,
    /// The endpoint is unknown.
    #[error("`endpoint` is neither `vpce` nor `public`")]
    Endpoint,
    /// The sender's own dimensions are invalid. Published without them, the record would have
    /// another meaning.
    #[error("`dimensions`: {0}")]
    Dimensions(String),
    /// A part of an object in the embedded metric format is invalid.
    #[error("embedded metrics: {0}")]
    Embedded(String),
    /// The records are in too many envelopes.
    #[error("more than two envelopes around the records")]
    Envelopes,
    /// A message of SNS has no records.
    #[error("an SNS message of the type `{0}`, expected `Notification`")]
    NotANotification(String),
    /// A time has an unknown format.
    #[error(
        "`{0}` is not a time: expected seconds or milliseconds since 1970, or RFC 3339 with a time zone"
    )]
    Time(&'static str),
    /// The record is older than CloudWatch accepts.
    #[error("`timestamp` is older than 14 days")]
    TooOld,
    /// The record is further in the future than CloudWatch accepts.
    #[error("`timestamp` is more than 2 hours ahead")]
    TooNew,
    /// The delivery has more series and minutes than fit into memory.
    #[error("too many series and minutes in one delivery")]
    TooMany,
    /// The line is neither from the access log, nor a call record, nor from a circuit breaker, nor
    /// about a threshold or a candidate.
    #[error("neither an access-log line nor a call record")]
    UnknownLine,
    /// A string of a line about a threshold is too long for an event.
    #[error("`{0}` is longer than 512 bytes")]
    TooLongText(&'static str),
    /// A threshold is not a share of a limit.
    #[error("`{0}` is not a number above 0")]
    NotAShare(&'static str),
    /// A count of a line about a threshold is not a count.
    #[error("`{0}` is not a whole number of units")]
    NotUnits(&'static str),
    /// The parts of the requests that a candidate was evaluated for exceed their total.
    #[error("`differs` and `unknown` are more than `evaluated`")]
    MoreThanEvaluated,
    /// The line is about a threshold, but the publisher sends no events.
    #[error("threshold events are off (THRESHOLD_EVENTS)")]
    ThresholdEventsOff,
}

impl Reason {
    /// Returns the reason for JSON of the wrong form, without the place in the element.
    pub(crate) fn shape(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(text, _)| text);
        Self::Shape(shorten(text.to_owned()))
    }
}

/// The rejections of one delivery.
#[derive(Debug, Default)]
pub struct Rejections {
    count: u64,
    listed: Vec<Rejection>,
}

/// A rejected record.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Rejection {
    /// The index in the delivery, from 0.
    pub index: usize,
    /// The reason.
    pub reason: String,
}

impl Rejections {
    /// Adds a rejection.
    pub fn add(&mut self, index: usize, reason: &Reason) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(Rejection {
                index,
                reason: reason.to_string(),
            });
        }
    }

    /// Returns the number of rejections.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the first hundred rejections.
    #[must_use]
    pub fn listed(&self) -> &[Rejection] {
        &self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_hundred_listed() {
        let mut rejections = Rejections::default();
        (0..5_000).for_each(|index| rejections.add(index, &Reason::TooOld));
        assert_eq!(
            (rejections.count(), rejections.listed().len()),
            (5_000, MAX_LISTED)
        );
        assert_eq!(rejections.listed()[1].index, 1);
        assert_eq!(
            rejections.listed()[0].reason,
            "`timestamp` is older than 14 days"
        );
    }
}
