//! A batch of SQS messages: which of them have to come again.
//!
//! IAM of Lambda's own calls: sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on MetricsQueue

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::elements::for_each;
use crate::intake::{Intake, IntakeError, SeenIds};
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
struct Body<'b> {
    #[serde(borrow)]
    records: Option<&'b RawValue>,
}

/// The messages of one batch, and what came of them.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
    /// In order, and no further than the first failure.
    fifo: bool,
}

/// A message, without those that the batch has a second time.
#[derive(Debug)]
struct Entry {
    id: String,
    /// The numbers of its records.
    records: Range<u64>,
    failed: bool,
}

/// A message that failed has no id to say so by, so all of the batch has to come again.
#[derive(Debug, thiserror::Error)]
#[error("a message that failed has no `messageId`")]
pub struct NoMessageId;

impl Batch {
    /// Counts each message's records, each message once. A message of which nothing could be
    /// counted fails, and so ends among the dead letters. If a message has valid and invalid
    /// records, the valid ones are counted and the message does not fail: if it came again, they
    /// would count twice.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] for what is no list of messages.
    pub fn read(messages: &str, intake: &mut Intake) -> Result<Self, IntakeError> {
        let (mut batch, mut seen) = (Self::default(), SeenIds::default());
        let read = for_each(messages, |index, message: Message<'_>| {
            let Message { id, body, queue } = message;
            let name = id.get().unwrap_or_default().to_owned();
            if seen.is_repeated(id) {
                intake.duplicates += 1;
                return;
            }
            batch.fifo |= queue.get().is_some_and(|arn| arn.ends_with(".fifo"));
            batch.take(index, name, body.get().unwrap_or_default(), intake);
        });
        read.map_err(|problem| IntakeError::Shape {
            what: "Records",
            problem,
        })?;
        Ok(batch)
    }

    fn take(&mut self, index: usize, id: String, body: &str, intake: &mut Intake) {
        let stopped = self.fifo && self.entries.iter().any(|entry| entry.failed);
        let before = intake.accepted;
        let failed = stopped || !count(index, body, intake);
        self.entries.push(Entry {
            id,
            records: before..intake.accepted,
            failed,
        });
    }

    /// Fails the messages of records that could not be sent.
    pub fn fail(&mut self, unsent_records: &[u32]) {
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
            .filter(|_| self.fifo)
        {
            self.entries[first..]
                .iter_mut()
                .for_each(|entry| entry.failed = true);
        }
    }

    /// Fails the messages of which CloudWatch refused all data for good, so that they end among the
    /// dead letters.
    ///
    /// A message of which some data were sent does not fail: if it came again, they would count
    /// twice. For the same reason nothing fails in a FIFO queue, where all later messages would
    /// come again too.
    pub fn refuse(&mut self, refused_records: &[u32], sent_records: &[u32]) {
        let of_refused_data = |entry: &&mut Entry| {
            has_any(&entry.records, refused_records) && !has_any(&entry.records, sent_records)
        };
        if !self.fifo {
            self.entries
                .iter_mut()
                .filter(of_refused_data)
                .for_each(|entry| entry.failed = true);
        }
    }

    /// The ids of the messages that have to come again.
    ///
    /// # Errors
    /// [`NoMessageId`].
    pub fn failures(&self) -> Result<Vec<&str>, NoMessageId> {
        let failed = self.entries.iter().filter(|entry| entry.failed);
        failed
            .map(|entry| {
                if entry.id.is_empty() {
                    Err(NoMessageId)
                } else {
                    Ok(entry.id.as_str())
                }
            })
            .collect()
    }
}

/// True if one of the numbers, which are in order, is in the range.
fn has_any(range: &Range<u64>, numbers: &[u32]) -> bool {
    let first = numbers.partition_point(|number| u64::from(*number) < range.start);
    numbers
        .get(first)
        .is_some_and(|number| u64::from(*number) < range.end)
}

/// Whether something of a body could be counted, or there was nothing in it to count.
fn count(index: usize, body: &str, intake: &mut Intake) -> bool {
    let list = serde_json::from_str::<Body<'_>>(body)
        .ok()
        .and_then(|body| body.records);
    let Some(list) = list else {
        return intake.record(index, body);
    };
    let rejected = intake.rejections.count();
    match intake.records(list.get()) {
        Ok(counted) => counted > 0 || intake.rejections.count() == rejected,
        Err(_) => intake.record(index, body),
    }
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
