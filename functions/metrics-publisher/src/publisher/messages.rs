//! Publishes a batch of SQS messages.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::claims::{Claim, Claims};
use crate::delivery_id::DeliveryId;
use crate::intake::Intake;
use crate::queue::{self, Batch, Turn};

use super::{EventContext, Failure, Publisher};

impl Publisher {
    /// Publishes the records of messages. The response lists the messages to deliver again.
    ///
    /// # Errors
    /// [`Failure`] if the batch is invalid.
    pub(super) async fn queue(
        &self,
        messages: &str,
        mut intake: Intake,
        context: EventContext<'_>,
    ) -> Result<Value, Failure> {
        if let Some(claims) = &self.claims {
            return self.queue_once(claims, messages, intake, context).await;
        }
        let mut batch = Batch::read(messages, &mut intake, |_| Turn::Count)?;
        batch.log_rejections();

        let outcome = self.publish(&mut intake, context).await;
        batch.fail(&outcome.unsent_records, &[]);
        batch.refuse(&outcome.refused_records, &outcome.sent_records);
        response(&batch)
    }

    /// Publishes each message at most once.
    ///
    /// A message that an earlier attempt has claimed does not count again. It fails if that attempt
    /// may still be working on it: if this one succeeded, SQS would delete the message.
    async fn queue_once(
        &self,
        claims: &Claims,
        messages: &str,
        mut intake: Intake,
        context: EventContext<'_>,
    ) -> Result<Value, Failure> {
        let attempt = claims.begin(context.now);
        let ids: Vec<_> = queue::message_ids(messages)?
            .iter()
            .filter_map(|id| DeliveryId::message(id))
            .collect();
        let claimed = attempt.claim(&ids, context.deadline).await;
        log_failed_claims(&claimed);
        let claimed: HashMap<_, _> = ids.iter().zip(claimed).collect();
        let mut batch = Batch::read(messages, &mut intake, |id| {
            DeliveryId::message(id).map_or(Turn::Count, |id| turn(claimed.get(&id)))
        })?;
        batch.log_rejections();

        let outcome = self.publish(&mut intake, context).await;
        let counted = outcome.counted_records();
        batch.fail(&outcome.unsent_records, &counted);
        batch.refuse(&outcome.refused_records, &counted);

        let released = batch.uncounted_failures(&counted);
        let released: Vec<_> = released
            .into_iter()
            .filter_map(DeliveryId::message)
            .collect();
        attempt.release(&released, context.deadline).await;
        let lost = batch.lost_records(&outcome.incomplete_records(), &counted);
        self.report_lost(lost, &outcome, context).await;
        response(&batch)
    }
}

fn turn(claim: Option<&Claim>) -> Turn {
    match claim {
        Some(Claim::Claimed) => Turn::Count,
        Some(Claim::Repeated { is_recent: false }) => Turn::Skip,
        Some(Claim::Repeated { is_recent: true } | Claim::Failed(_)) | None => Turn::Fail,
    }
}

/// Logs one line per batch.
fn log_failed_claims(claims: &[Claim]) {
    let mut problems = claims.iter().filter_map(|claim| match claim {
        Claim::Failed(problem) => Some(problem),
        _ => None,
    });
    if let Some(problem) = problems.next() {
        tracing::error!(
            reason = "fault",
            problem,
            messages = 1 + problems.count(),
            "failed to claim messages, which are delivered again"
        );
    }
}

fn response(batch: &Batch) -> Result<Value, Failure> {
    let failures = batch.failures()?;
    let failures: Vec<_> = failures
        .into_iter()
        .map(|id| json!({"itemIdentifier": id}))
        .collect();
    Ok(json!({ "batchItemFailures": failures }))
}
