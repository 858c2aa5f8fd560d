//! Publishes a delivery at most once.

use serde_json::Value;

use crate::claims::{Claim, Claims};
use crate::cloudwatch::Outcome;
use crate::delivery_id::DeliveryId;
use crate::intake::Intake;
use crate::series::Metric;

use super::{EventContext, Failure, Publisher, response};

impl Publisher {
    /// Claims a delivery, and publishes it unless an earlier attempt has claimed it.
    ///
    /// If surely nothing was counted, the claim is released and the delivery fails, so that it is
    /// repeated. If a part was counted, or may have been, the rest is lost.
    ///
    /// # Errors
    /// [`Failure`] if the delivery is to be repeated.
    pub(super) async fn publish_once(
        &self,
        claims: &Claims,
        id: &DeliveryId,
        mut intake: Intake,
        events: usize,
        context: EventContext<'_>,
    ) -> Result<Value, Failure> {
        if intake.is_empty() {
            return Ok(response::report(&intake, &Outcome::default(), events, 0));
        }
        let (attempt, ids) = (claims.begin(context.now), std::slice::from_ref(id));
        match attempt.claim(ids, context.deadline).await.pop() {
            Some(Claim::Claimed) => {}
            Some(Claim::Repeated { .. }) => {
                return self.report_repeated(id, intake, events, context).await;
            }
            Some(Claim::Failed(problem)) => return Err(Failure::Unclaimed(problem)),
            None => return Err(Failure::Unclaimed("no response".to_owned())),
        }

        let outcome = self.publish(&mut intake, context).await;
        if outcome.cause.is_some() && outcome.surely_counted_nothing() {
            attempt.release(ids, context.deadline).await;
            outcome.complete()?;
            return Err(Failure::Unclaimed("the claim was released".to_owned()));
        }

        let lost = outcome.incomplete_records().len() as u64;
        self.report_lost(lost, &outcome, context).await;
        Ok(response::report(&intake, &outcome, events, lost))
    }

    /// Counts a delivery that an earlier attempt has claimed, without its records.
    async fn report_repeated(
        &self,
        id: &DeliveryId,
        mut intake: Intake,
        events: usize,
        context: EventContext<'_>,
    ) -> Result<Value, Failure> {
        tracing::warn!(
            delivery = id.as_str(),
            records = intake.accepted,
            "an earlier attempt has claimed the delivery, which is not counted again"
        );
        intake.forget_records();

        let outcome = self.publish(&mut intake, context).await;
        Ok(response::report(&intake, &outcome, events, 0))
    }

    /// Logs and counts records that are not repeated although some of their data may not have been
    /// counted.
    pub(super) async fn report_lost(
        &self,
        records: u64,
        outcome: &Outcome,
        context: EventContext<'_>,
    ) {
        if records == 0 {
            return;
        }
        tracing::error!(
            reason = "fault",
            records,
            problem = outcome.cause,
            "data may be lost, because they must not be sent twice"
        );
        self.publish_count(Metric::LostRecords, records, context)
            .await;
    }
}

impl Outcome {
    /// Returns whether CloudWatch surely has counted none of the data.
    fn surely_counted_nothing(&self) -> bool {
        self.sent == 0 && self.uncertain == 0
    }

    /// Returns the numbers of the records of which some data were not sent, or may not have been.
    pub(super) fn incomplete_records(&self) -> Vec<u32> {
        merged(&self.unsent_records, &self.uncertain_records)
    }

    /// Returns the numbers of the records of which some data were counted, or may have been.
    pub(super) fn counted_records(&self) -> Vec<u32> {
        merged(&self.sent_records, &self.uncertain_records)
    }
}

/// Merges two ordered lists without duplicates.
fn merged(one: &[u32], other: &[u32]) -> Vec<u32> {
    let mut all = [one, other].concat();
    all.sort_unstable();
    all.dedup();
    all
}
