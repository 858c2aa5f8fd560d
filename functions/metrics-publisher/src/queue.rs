//! A batch of SQS messages, and which of them failed.
//!
//! IAM of Lambda's own calls: sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on MetricsQueue

use std::ops::Range;

use serde::Deserialize;
use telemetry::Excerpt;

use crate::elements::for_each;
use crate::intake::{DeliveryIds, Intake, IntakeError};
use crate::message;
use crate::scalar::Scalar;

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow, default, rename = "messageId")]
    id: Scalar<'m>,
    #[serde(borrow, default)]
    body: Scalar<'m>,
    #[serde(borrow, default, rename = "eventSourceARN")]
    queue: Scalar<'m>,
}

#[derive(Deserialize)]
struct MessageId<'m> {
    #[serde(borrow, default, rename = "messageId")]
    id: Scalar<'m>,
}

/// The result of processing a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Its records are counted.
    Count,
    /// Its records have been counted in an earlier delivery.
    Skip,
    /// It fails, and is delivered again.
    Fail,
}

/// The messages of one batch, and whether they failed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    entries: Vec<Entry>,
    /// True for a FIFO queue, whose messages are processed in order, up to the first failure.
    is_fifo: bool,
}

/// The maximum number of failed messages whose reasons are logged.
const MAX_LOGGED_FAILURES: usize = 10;

/// A message. Duplicates within the batch are not included.
#[derive(Debug)]
struct Entry {
    id: String,
    /// The numbers of the accepted records.
    records: Range<u64>,
    failed: bool,
    /// True if it was this delivery's turn to count the message.
    is_own_turn: bool,
    /// The first reason why a record was rejected, if no record was accepted.
    rejection: Option<String>,
}

/// A failed message has no id, so the whole batch has to fail.
#[derive(Debug, thiserror::Error)]
#[error("a failed message has no `messageId`")]
pub struct MissingMessageId;

impl Batch {
    /// Counts the records of each message once, if it is its `turn` by its id.
    ///
    /// A message without any valid record fails, and so goes to the dead-letter queue. A message
    /// with valid and invalid records does not fail: on a retry, the valid ones would count twice.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] if the JSON is not a list of messages.
    pub(crate) fn read(
        messages: &str,
        intake: &mut Intake,
        turn: impl Fn(&str) -> Turn,
    ) -> Result<Self, IntakeError> {
        let (mut batch, mut ids) = (Self::default(), DeliveryIds::default());
        let read = for_each(messages, |index, message: Message<'_>| {
            let Message { id, body, queue } = message;
            let name = id.get().unwrap_or_default().to_owned();
            if ids.is_repeated(id) {
                intake.duplicates += 1;
                return;
            }
            batch.is_fifo |= queue.get().is_some_and(|arn| arn.ends_with(".fifo"));
            let turn = turn(&name);
            batch.take(index, name, body.get().unwrap_or_default(), turn, intake);
        });
        read.map_err(shape)?;
        Ok(batch)
    }

    fn take(&mut self, index: usize, id: String, body: &str, turn: Turn, intake: &mut Intake) {
        let stopped = self.is_fifo && self.entries.iter().any(|entry| entry.failed);
        let before = intake.accepted;
        let rejections = intake.rejections.listed().len();
        let failed = match turn {
            _ if stopped => true,
            Turn::Count => !message::count(index, body, intake),
            Turn::Skip => {
                intake.repeated += 1;
                false
            }
            Turn::Fail => true,
        };
        let is_rejected = failed && !stopped && turn == Turn::Count;
        self.entries.push(Entry {
            id,
            records: before..intake.accepted,
            failed,
            is_own_turn: turn == Turn::Count,
            rejection: is_rejected.then(|| first_reason(intake, rejections)),
        });
    }

    /// Logs one line about the messages whose records were all rejected.
    pub(crate) fn log_rejections(&self) {
        let rejected = self.entries.iter().filter_map(|entry| {
            let reason = entry.rejection.as_ref()?;
            Some(format!("{}: {reason}", Excerpt(&entry.id)))
        });
        let rejected: Vec<_> = rejected.collect();
        if !rejected.is_empty() {
            let reasons = &rejected[..rejected.len().min(MAX_LOGGED_FAILURES)];
            tracing::warn!(
                messages = rejected.len(),
                reasons = reasons.join("; "),
                "messages without a valid record failed"
            );
        }
    }

    /// Fails the messages with unsent records, except those with counted ones.
    pub(crate) fn fail(&mut self, unsent_records: &[u32], counted_records: &[u32]) {
        let is_unsent = |entry: &&mut Entry| {
            has_any(&entry.records, unsent_records) && !has_any(&entry.records, counted_records)
        };
        self.entries
            .iter_mut()
            .filter(is_unsent)
            .for_each(|entry| entry.failed = true);
        if let Some(first) = self
            .entries
            .iter()
            .position(|entry| entry.failed)
            .filter(|_| self.is_fifo)
        {
            self.entries[first..]
                .iter_mut()
                .for_each(|entry| entry.failed = true);
        }
    }

    /// Fails the messages whose data CloudWatch refused for good, so that they go to the dead-letter
    /// queue.
    ///
    /// A message with some sent data does not fail: on a retry, they would count twice. For the same
    /// reason nothing fails in a FIFO queue, where a failure repeats all later messages.
    pub(crate) fn refuse(&mut self, refused_records: &[u32], sent_records: &[u32]) {
        let has_only_refused_data = |entry: &&mut Entry| {
            has_any(&entry.records, refused_records) && !has_any(&entry.records, sent_records)
        };
        if !self.is_fifo {
            self.entries
                .iter_mut()
                .filter(has_only_refused_data)
                .for_each(|entry| entry.failed = true);
        }
    }

    /// Returns the ids of the failed messages of this delivery's turn without counted records.
    pub(crate) fn uncounted_failures(&self, counted_records: &[u32]) -> Vec<&str> {
        let failures = self.entries.iter().filter(|entry| {
            entry.failed && entry.is_own_turn && !has_any(&entry.records, counted_records)
        });
        failures.map(|entry| entry.id.as_str()).collect()
    }

    /// Returns how many of the records are in messages that are not delivered again, or of which
    /// another delivery would not count them.
    pub(crate) fn lost_records(&self, records: &[u32], counted_records: &[u32]) -> u64 {
        let is_lost = |record: &&u32| {
            let number = u64::from(**record);
            let place = self
                .entries
                .partition_point(|entry| entry.records.end <= number);
            let entry = self.entries.get(place);
            entry.is_some_and(|entry| !entry.failed || has_any(&entry.records, counted_records))
        };
        records.iter().filter(is_lost).count() as u64
    }

    /// Returns the ids of the failed messages.
    ///
    /// # Errors
    /// [`MissingMessageId`] if a failed message has no id.
    pub(crate) fn failures(&self) -> Result<Vec<&str>, MissingMessageId> {
        let failed = self.entries.iter().filter(|entry| entry.failed);
        failed
            .map(|entry| {
                if entry.id.is_empty() {
                    Err(MissingMessageId)
                } else {
                    Ok(entry.id.as_str())
                }
            })
            .collect()
    }
}

/// Returns the reason of the rejection at this place, if it is among the listed ones.
fn first_reason(intake: &Intake, place: usize) -> String {
    let listed = intake.rejections.listed().get(place);
    listed.map_or_else(
        || "rejected after the first hundred".to_owned(),
        |rejection| rejection.reason.clone(),
    )
}

/// Returns the different ids of the messages in their order.
///
/// # Errors
/// [`IntakeError::Shape`] if the JSON is not a list of messages.
pub(crate) fn message_ids(messages: &str) -> Result<Vec<String>, IntakeError> {
    let (mut ids, mut seen) = (Vec::new(), DeliveryIds::default());
    let read = for_each(messages, |_, message: MessageId<'_>| {
        let id = message.id.get().unwrap_or_default().to_owned();
        if !seen.is_repeated(message.id) {
            ids.push(id);
        }
    });
    read.map_err(shape)?;
    Ok(ids)
}

const fn shape(problem: serde_json::Error) -> IntakeError {
    IntakeError::Shape {
        what: "Records",
        problem,
    }
}

/// Returns whether one of the sorted numbers is in the range.
fn has_any(range: &Range<u64>, numbers: &[u32]) -> bool {
    let first = numbers.partition_point(|number| u64::from(*number) < range.start);
    numbers
        .get(first)
        .is_some_and(|number| u64::from(*number) < range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Window;

    const GOOD: &str = r#"{"service":"s","operation":"o","duration_ms":1,"success":true}"#;

    fn batch(bodies: &[&str], queue: &str) -> (Batch, Intake) {
        let messages: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(number, body)| {
                serde_json::json!({"messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs",
                    "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}")})
                .to_string()
            })
            .collect();
        let mut intake = Intake::new(Window::at(jiff::Timestamp::now()));
        let batch = Batch::read(&format!("[{}]", messages.join(",")), &mut intake, |_| {
            Turn::Count
        })
        .unwrap();
        (batch, intake)
    }

    fn list(records: &[&str]) -> String {
        format!(r#"{{"records":[{}]}}"#, records.join(","))
    }

    #[test]
    fn a_message_holds_a_record_or_a_list_of_them() {
        let (batch, intake) = batch(&[GOOD, &list(&[GOOD, GOOD]), &list(&[])], "records");
        assert_eq!((batch.failures().unwrap().len(), intake.accepted), (0, 3));
    }

    #[test]
    fn a_message_of_which_nothing_could_be_counted_fails_alone() {
        let (batch, intake) = batch(
            &[
                GOOD,
                "no JSON",
                &list(&["{}"]),
                r#"{"records":7}"#,
                GOOD,
                "",
            ],
            "records",
        );
        assert_eq!(batch.failures().unwrap(), ["m1", "m2", "m3", "m5"]);
        assert_eq!((intake.accepted, intake.rejections.count()), (2, 4));
    }

    #[test]
    fn failed_messages_are_logged_with_their_ids_and_reasons() {
        let lines = testing::LogBuffer::default();
        let writer = lines.clone();
        let log = telemetry::log_to(["metrics_publisher"], None, move || writer.clone());
        let bodies = [&[GOOD, "{}"][..], &["{}"; 200]].concat();
        tracing::subscriber::with_default(log, || batch(&bodies, "records").0.log_rejections());

        let line = lines.json_lines().remove(0);
        assert_eq!(line["messages"], 201);
        let reasons = line["reasons"].as_str().unwrap();
        assert!(
            reasons.starts_with("m1: `service` is missing or empty; m2: "),
            "{reasons}"
        );
        assert_eq!(reasons.matches("; ").count(), 9);
    }

    #[test]
    fn a_message_with_good_records_and_a_bad_one_does_not_come_again() {
        let (batch, intake) = batch(&[&list(&[GOOD, "{}", GOOD])], "records");
        assert_eq!(
            (
                batch.failures().unwrap().len(),
                intake.accepted,
                intake.rejections.count()
            ),
            (0, 2, 1)
        );
    }

    #[test]
    fn only_messages_of_what_was_not_sent_fail() {
        let (mut batch, _) = batch(&[GOOD; 4], "records");
        batch.fail(&[1, 3, 99], &[]);
        assert_eq!(batch.failures().unwrap(), ["m1", "m3"]);
        batch.fail(&[0, 1, 2, 3], &[]);
        assert_eq!(batch.failures().unwrap(), ["m0", "m1", "m2", "m3"]);
    }

    #[test]
    fn a_fifo_queue_goes_no_further_than_its_first_failure() {
        let (batch, intake) = batch(&[GOOD, "no JSON", GOOD, GOOD], "records.fifo");
        assert_eq!(batch.failures().unwrap(), ["m1", "m2", "m3"]);
        assert_eq!(intake.accepted, 1, "what comes again is not counted now");
    }

    #[test]
    fn what_a_fifo_queue_could_not_have_sent_fails_with_all_that_follows() {
        let (mut batch, _) = batch(&[GOOD; 4], "records.fifo");
        batch.fail(&[2], &[]);
        assert_eq!(batch.failures().unwrap(), ["m2", "m3"]);
    }

    #[test]
    fn a_message_fails_by_any_of_its_records() {
        let (mut batch, _) = batch(
            &[&list(&[GOOD, "{}", GOOD]), &list(&[]), &list(&[GOOD, GOOD])],
            "records",
        );
        batch.fail(&[3], &[]);
        assert_eq!(batch.failures().unwrap(), ["m2"]);
    }

    #[test]
    fn a_message_fails_if_all_of_its_data_were_refused() {
        let (mut batch, _) = batch(&[GOOD, &list(&[GOOD, GOOD]), GOOD], "records");
        batch.refuse(&[0, 1], &[2]);
        assert_eq!(batch.failures().unwrap(), ["m0"], "m1 would count twice");
    }

    #[test]
    fn refused_data_fail_no_message_of_a_fifo_queue() {
        let (mut batch, _) = batch(&[GOOD; 3], "records.fifo");
        batch.refuse(&[0], &[1, 2]);
        assert_eq!(batch.failures().unwrap(), [""; 0]);
    }

    #[test]
    fn a_message_that_is_delivered_twice_in_a_batch_counts_once() {
        let message = |id: &str, body: &str| serde_json::json!({"messageId": id, "body": body});
        let messages = [
            message("a", GOOD),
            message("b", "no JSON"),
            message("a", GOOD),
            message("b", "no JSON"),
        ];
        let mut intake = Intake::new(Window::at(jiff::Timestamp::now()));
        let batch = Batch::read(
            &serde_json::json!(messages).to_string(),
            &mut intake,
            |_| Turn::Count,
        )
        .unwrap();
        assert_eq!(
            (
                intake.accepted,
                intake.duplicates,
                intake.rejections.count()
            ),
            (1, 2, 1)
        );
        assert_eq!(batch.failures().unwrap(), ["b"]);
    }

    #[test]
    fn an_id_that_is_missing_is_never_reported() {
        let mut intake = Intake::new(Window::at(jiff::Timestamp::now()));
        let good = serde_json::json!([{"body": GOOD}]).to_string();
        assert_eq!(
            Batch::read(&good, &mut intake, |_| Turn::Count)
                .unwrap()
                .failures()
                .unwrap(),
            [""; 0]
        );
        assert!(
            Batch::read(
                r#"[{"messageId":"","body":"no JSON"}]"#,
                &mut intake,
                |_| Turn::Count
            )
            .unwrap()
            .failures()
            .is_err()
        );
    }
}
