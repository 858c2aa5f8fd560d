//! A batch of SQS messages: which of them have to come again.
//!
//! IAM of Lambda's own calls: sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on MetricsQueue

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::elements::for_each;
use crate::intake::{Intake, IntakeError};
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
    ids: Vec<String>,
    failed: Vec<bool>,
    /// In order, and no further than the first failure.
    fifo: bool,
}

/// A message that failed has no id to say so by, so all of the batch has to come again.
#[derive(Debug, thiserror::Error)]
#[error("a message that failed has no `messageId`")]
pub struct NoMessageId;

impl Batch {
    /// Counts each message's records. A message of which nothing could be counted fails, and so ends among the dead
    /// letters; of one with good records and bad the good ones are counted, because they would be twice if it came
    /// again.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] for what is no list of messages.
    pub fn read(messages: &str, intake: &mut Intake) -> Result<Self, IntakeError> {
        let mut batch = Self::default();
        let read = for_each(messages, |index, message: Message<'_>| batch.message(index, &message, intake));
        read.map_err(|problem| IntakeError::Shape { what: "Records", problem })?;
        Ok(batch)
    }

    fn message(&mut self, index: usize, message: &Message<'_>, intake: &mut Intake) {
        self.ids.push(message.id.get().unwrap_or_default().to_owned());
        self.fifo |= message.queue.get().is_some_and(|arn| arn.ends_with(".fifo"));
        let stopped = self.fifo && self.failed.contains(&true);
        let counted = !stopped && count(index, message.body.get().unwrap_or_default(), intake);
        self.failed.push(!counted);
    }

    /// Notes that what these messages held could not be sent.
    pub fn fail(&mut self, unsent: impl IntoIterator<Item = u32>) {
        for index in unsent {
            if let Some(failed) = usize::try_from(index).ok().and_then(|index| self.failed.get_mut(index)) {
                *failed = true;
            }
        }
        if let Some(first) = self.failed.iter().position(|failed| *failed).filter(|_| self.fifo) {
            self.failed[first..].fill(true);
        }
    }

    /// The ids of the messages that have to come again.
    ///
    /// # Errors
    /// [`NoMessageId`].
    pub fn failures(&self) -> Result<Vec<&str>, NoMessageId> {
        let failed = self.ids.iter().zip(&self.failed).filter(|(_, failed)| **failed);
        failed.map(|(id, _)| if id.is_empty() { Err(NoMessageId) } else { Ok(id.as_str()) }).collect()
    }

    /// How many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// Whether something of a body could be counted, or there was nothing in it to count.
fn count(index: usize, body: &str, intake: &mut Intake) -> bool {
    let contributor = u32::try_from(index).unwrap_or(u32::MAX);
    let list = serde_json::from_str::<Body<'_>>(body).ok().and_then(|body| body.records);
    let Some(list) = list else { return intake.record(index, body, contributor) };
    let rejected = intake.rejections.count();
    match intake.records(list.get(), contributor) {
        Ok(counted) => counted > 0 || intake.rejections.count() == rejected,
        Err(_) => intake.record(index, body, contributor),
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
        let (batch, intake) = batch(&[GOOD, "no JSON", &list(&["{}"]), r#"{"records":7}"#, GOOD, ""], "records");
        assert_eq!(batch.failures().unwrap(), ["m1", "m2", "m3", "m5"]);
        assert_eq!((intake.accepted, intake.rejections.count()), (2, 4));
    }

    #[test]
    fn a_message_with_good_records_and_a_bad_one_does_not_come_again() {
        let (batch, intake) = batch(&[&list(&[GOOD, "{}", GOOD])], "records");
        assert_eq!((batch.failures().unwrap().len(), intake.accepted, intake.rejections.count()), (0, 2, 1));
    }

    #[test]
    fn only_messages_of_what_was_not_sent_fail() {
        let (mut batch, _) = batch(&[GOOD; 4], "records");
        batch.fail([1, 3, 3, 99]);
        assert_eq!(batch.failures().unwrap(), ["m1", "m3"]);
        batch.fail(0..4);
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
        batch.fail([2]);
        assert_eq!(batch.failures().unwrap(), ["m2", "m3"]);
    }

    #[test]
    fn an_id_that_is_missing_is_never_reported() {
        let mut intake = Intake::new(Window::at(jiff::Timestamp::now()));
        let good = serde_json::json!([{"body": GOOD}]).to_string();
        assert_eq!(Batch::read(&good, &mut intake).unwrap().failures().unwrap(), [""; 0]);
        assert!(Batch::read(r#"[{"messageId":"","body":"no JSON"}]"#, &mut intake).unwrap().failures().is_err());
    }
}
