//! Sends the data of a delivery, and the publisher's own counts about it.

use crate::aggregate::{Aggregator, UnknownErrorTypes};
use crate::cloudwatch::Outcome;
use crate::intake::Intake;
use crate::series::{Metric, Series};

use super::{EventContext, Failure, Publisher, minute};

/// The maximum number of rejection reasons in the log. The response lists more.
const MAX_LOGGED_REASONS: usize = 3;

impl Publisher {
    /// Sends the data of an intake, and takes them out of it.
    pub(super) async fn publish(&self, intake: &mut Intake, context: EventContext<'_>) -> Outcome {
        let EventContext { now, deadline, .. } = context;
        let mut sums = std::mem::take(&mut intake.sums);
        log_unknown_error_types(sums.unknown_error_types());
        let overflowed = self.registry.admit(&mut sums, now, deadline).await;

        for (metric, count) in [
            (Metric::RejectedRecords, intake.rejections.count()),
            (
                Metric::OverflowedSeries,
                u64::try_from(overflowed).unwrap_or(u64::MAX),
            ),
            (Metric::RepeatedDeliveries, intake.repeated),
        ] {
            if count > 0 {
                sums.add_own(minute(now), Series::new(metric, []), 1.0, count);
            }
        }
        if sums.is_empty() {
            return Outcome::default();
        }

        let mut outcome = self.cloudwatch.publish(sums.into_data(), deadline).await;
        let refused = outcome.refused_count();
        // No other metric contains refused records.
        outcome.requests += self
            .publish_count(Metric::RejectedRecords, refused, context)
            .await;
        log_outcome(intake, overflowed, &outcome);
        outcome
    }

    /// Publishes a count about a delivery whose data have been sent. Returns the number of
    /// requests.
    ///
    /// A failure is only logged: if the delivery failed, its other data would count twice.
    pub(super) async fn publish_count(
        &self,
        metric: Metric,
        count: u64,
        context: EventContext<'_>,
    ) -> u32 {
        if count == 0 {
            return 0;
        }
        let (mut sums, minute) = (Aggregator::default(), minute(context.now));
        sums.add_own(minute, Series::new(metric, []), 1.0, count);

        let data = sums.into_data();
        let outcome = self.cloudwatch.publish(data, context.deadline).await;
        if let Some(problem) = outcome.cause {
            tracing::error!(
                reason = "fault",
                problem,
                count,
                metric = metric.name(),
                "failed to publish a count of records"
            );
        }
        outcome.requests
    }
}

impl Outcome {
    /// Returns the outcome if all data were sent. Data that CloudWatch refused for good are not an
    /// error.
    ///
    /// # Errors
    /// [`Failure::Unsent`] if data could not be sent, or may not have been.
    pub(super) fn complete(mut self) -> Result<Self, Failure> {
        let Some(cause) = self.cause.take() else {
            return Ok(self);
        };
        let unsent = self.unsent + self.uncertain;
        Err(Failure::Unsent {
            unsent,
            all: self.sent + self.refused + unsent,
            cause,
        })
    }
}

/// Logs one line per delivery, however many calls it has.
fn log_unknown_error_types(unknown: &UnknownErrorTypes) {
    if let Some(error_type) = &unknown.first {
        tracing::info!(
            error_type,
            calls = unknown.calls,
            "counted failed calls with an unknown error type as `unknown`"
        );
    }
}

fn log_outcome(intake: &Intake, overflowed: usize, outcome: &Outcome) {
    let listed = intake.rejections.listed().iter().take(MAX_LOGGED_REASONS);
    let reasons: Vec<_> = listed.map(|one| &*one.reason).collect();
    tracing::info!(
        accepted = intake.accepted,
        rejected = intake.rejections.count(),
        duplicates = intake.duplicates,
        repeated = intake.repeated,
        skipped = intake.skipped,
        reasons = reasons.join("; "),
        overflowed_series = overflowed,
        requests = outcome.requests,
        sent = outcome.sent,
        refused = outcome.refused,
        refused_records = outcome.refused_records.len(),
        unsent = outcome.unsent,
        uncertain = outcome.uncertain,
        "published an event"
    );
}
