//! A batch of SQS messages, and which of them failed.
//!
//! IAM of Lambda's own calls: sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on MetricsQueue

use std::ops::Range;

use serde::Deserialize;

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

/// The messages of one batch, and whether they failed.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    entries: Vec<Entry>,
    /// True for a FIFO queue, whose messages are processed in order, up to the first failure.
    is_fifo: bool,
}

/// A message. Duplicates within the batch are not included.
#[derive(Debug)]
struct Entry {
    id: String,
    /// The numbers of the accepted records.
    records: Range<u64>,
    failed: bool,
}

/// A failed message has no id, so the whole batch has to fail.
#[derive(Debug, thiserror::Error)]
#[error("a failed message has no `messageId`")]
pub struct MissingMessageId;

impl Batch {
    /// Counts the records of each message once.
    ///
    /// A message without any valid record fails, and so goes to the dead-letter queue. A message
    /// with valid and invalid records does not fail: on a retry, the valid ones would count twice.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] if the JSON is not a list of messages.
    pub(crate) fn read(messages: &str, intake: &mut Intake) -> Result<Self, IntakeError> {
        let (mut batch, mut ids) = (Self::default(), DeliveryIds::default());
        let read = for_each(messages, |index, message: Message<'_>| {
            let Message { id, body, queue } = message;
            let name = id.get().unwrap_or_default().to_owned();
            if ids.is_repeated(id) {
                intake.duplicates += 1;
                return;
            }
            batch.is_fifo |= queue.get().is_some_and(|arn| arn.ends_with(".fifo"));
            batch.take(index, name, body.get().unwrap_or_default(), intake);
        });
        read.map_err(|problem| IntakeError::Shape {
            what: "Records",
            problem,
        })?;
        Ok(batch)
    }

    fn take(&mut self, index: usize, id: String, body: &str, intake: &mut Intake) {
        let stopped = self.is_fifo && self.entries.iter().any(|entry| entry.failed);
        let before = intake.accepted;
        let failed = stopped || !message::count(index, body, intake);
        self.entries.push(Entry {
            id,
            records: before..intake.accepted,
            failed,
        });
    }

    /// Fails the messages with unsent records.
    pub(crate) fn fail(&mut self, unsent_records: &[u32]) {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| has_any(&entry.records, unsent_records))
        {
            entry.failed = true;
        }
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
        let batch = Batch::read(&format!("[{}]", messages.join(",")), &mut intake).unwrap();
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
        batch.fail(&[1, 3, 99]);
        assert_eq!(batch.failures().unwrap(), ["m1", "m3"]);
        batch.fail(&[0, 1, 2, 3]);
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
        batch.fail(&[2]);
        assert_eq!(batch.failures().unwrap(), ["m2", "m3"]);
    }

    #[test]
    fn a_message_fails_by_any_of_its_records() {
        let (mut batch, _) = batch(
            &[&list(&[GOOD, "{}", GOOD]), &list(&[]), &list(&[GOOD, GOOD])],
            "records",
        );
        batch.fail(&[3]);
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
        let batch = Batch::read(&serde_json::json!(messages).to_string(), &mut intake).unwrap();
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
            Batch::read(&good, &mut intake).unwrap().failures().unwrap(),
            [""; 0]
        );
        assert!(
            Batch::read(r#"[{"messageId":"","body":"no JSON"}]"#, &mut intake)
                .unwrap()
                .failures()
                .is_err()
        );
    }
}
