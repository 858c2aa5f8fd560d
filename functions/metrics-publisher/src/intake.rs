//! What a delivery holds, counted.

use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::excerpt;

use crate::aggregate::Aggregator;
use crate::decoder::{DecodeError, decode};
use crate::elements::for_each;
use crate::line;
use crate::record::{OBSERVATIONS, Record};
use crate::rejection::{Reason, Rejections};
use crate::scalar::Scalar;
use crate::time::{Window, parse_ms};

/// The sums of one delivery, and what could not be counted.
#[derive(Debug)]
pub struct Intake {
    window: Window,
    /// What was counted.
    pub sums: Aggregator,
    /// How many records and lines that was.
    pub accepted: u64,
    /// What was not.
    pub rejections: Rejections,
}

/// Why a delivery cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// What a log subscription sent.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not of its source's shape.
    #[error("{what}: {}", excerpt(.problem.to_string()))]
    Shape {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        problem: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Subscription<'s> {
    #[serde(borrow, default, rename = "messageType")]
    message_type: Scalar<'s>,
    #[serde(borrow, rename = "logEvents")]
    events: Option<&'s RawValue>,
}

#[derive(Deserialize)]
struct LogEvent<'s> {
    #[serde(borrow, default)]
    timestamp: Scalar<'s>,
    #[serde(borrow)]
    message: Scalar<'s>,
}

impl Intake {
    /// Nothing yet.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self { window, sums: Aggregator::default(), accepted: 0, rejections: Rejections::default() }
    }

    /// Counts one record. `index` names it where it is rejected.
    pub fn record(&mut self, index: usize, json: &str, contributor: u32) -> bool {
        let room = self.sums.check_room(OBSERVATIONS);
        let read = room
            .and_then(|()| Record::read(json, self.window, None, |record| record.observe(&mut self.sums, contributor)));
        self.note(index, read)
    }

    /// Counts one log line. `logged_ms` is its time where it does not say one.
    pub fn line(&mut self, index: usize, line: &str, logged_ms: Option<i64>) -> bool {
        let read = line::observe(line, self.window, logged_ms, &mut self.sums, 0);
        self.note(index, read)
    }

    /// Counts a list of records; rejects those that cannot be counted. How many could be.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] for JSON that is no list.
    pub fn records(&mut self, json: &str, contributor: u32) -> Result<u64, IntakeError> {
        let before = self.accepted;
        let read = for_each(json, |index, record: &RawValue| {
            self.record(index, record.get(), contributor);
        });
        read.map_err(|problem| IntakeError::Shape { what: "records", problem })?;
        Ok(self.accepted - before)
    }

    /// Counts the lines that a log subscription sends. Its check of whether anybody is there holds none.
    ///
    /// # Errors
    /// [`IntakeError`] for what cannot be decoded.
    pub fn subscription(&mut self, data: &str) -> Result<(), IntakeError> {
        let shape = |problem| IntakeError::Shape { what: "awslogs.data", problem };
        let bytes = decode(data)?;
        let delivery: Subscription<'_> = serde_json::from_slice(&bytes).map_err(shape)?;
        let Some(events) = delivery.events.filter(|_| delivery.message_type.get() != Some("CONTROL_MESSAGE")) else {
            return Ok(());
        };
        let read = for_each(events.get(), |index, event: LogEvent<'_>| {
            let logged_ms = event.timestamp.get().and_then(parse_ms);
            self.line(index, event.message.get().unwrap_or_default().trim(), logged_ms);
        });
        read.map_err(shape)
    }

    fn note(&mut self, index: usize, read: Result<(), Reason>) -> bool {
        match &read {
            Ok(()) => self.accepted += 1,
            Err(reason) => self.rejections.add(index, reason),
        }
        read.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use jiff::Timestamp;

    use super::*;

    fn intake() -> Intake {
        Intake::new(Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap()))
    }

    fn sent(text: &str) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    fn delivered(delivery: &str) -> Result<Intake, String> {
        let mut intake = intake();
        intake.subscription(&sent(delivery)).map_err(|error| error.to_string())?;
        Ok(intake)
    }

    #[test]
    fn one_bad_record_amid_ten_is_named_with_its_place_and_reason() {
        let good = r#"{"service":"s","operation":"o","duration_ms":1,"success":true}"#;
        let mut records = [good; 10];
        records[3] = r#"{"service":"s"}"#;
        let mut intake = intake();
        assert_eq!(intake.records(&format!("[{}]", records.join(",")), 0).unwrap(), 9);
        let named = intake.rejections.named();
        assert_eq!((intake.accepted, named.len(), named[0].index), (9, 1, 3));
        assert_eq!(named[0].reason, "`operation` is missing or empty");
    }

    #[test]
    fn a_hundred_thousand_records_take_no_more_memory_than_one() {
        let record = r#"{"service":"s","operation":"o","duration_ms":7,"success":true},"#;
        let json = format!("[{}{}]", record.repeat(99_999), record.trim_end_matches(','));
        let mut intake = intake();
        assert_eq!(intake.records(&json, 0).unwrap(), 100_000);
        assert_eq!(intake.sums.len(), 2);
        assert!(intake.sums.iter().all(|(_, aggregate)| aggregate.values.values().len() == 1));
    }

    #[test]
    fn a_check_of_whether_anybody_is_there_is_ignored_wherever_it_says_so() {
        let events =
            r#""logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination"}]"#;
        for check in [
            format!(r#"{{"messageType":"CONTROL_MESSAGE",{events}}}"#),
            format!(r#"{{{events},"messageType":"CONTROL_MESSAGE"}}"#),
            r#"{"messageType":"DATA_MESSAGE","logEvents":[]}"#.to_owned(),
            r#"{"messageType":"DATA_MESSAGE"}"#.to_owned(),
        ] {
            let intake = delivered(&check).unwrap();
            assert_eq!((intake.accepted, intake.rejections.count(), intake.sums.len()), (0, 0, 0), "{check}");
        }
    }

    #[test]
    fn lines_are_counted_and_a_bad_one_does_not_cost_its_neighbours() {
        let record = r#"{\"api_call\":{\"service\":\"s\",\"operation\":\"o\",\"duration_ms\":1,\"success\":true}}\n"#;
        let delivery = format!(
            r#"{{"owner":"1","logEvents":[{{"id":"1","timestamp":1795348800000,"message":"{record}"}},
               {{"id":"2","timestamp":1795348800000,"message":"START"}},
               {{"id":"3","timestamp":1795348800000,"message":"{record}","extra":1}}],"messageType":"DATA_MESSAGE"}}"#
        );
        let intake = delivered(&delivery).unwrap();
        assert_eq!((intake.accepted, intake.rejections.count()), (2, 1));
        assert_eq!(intake.rejections.named()[0].index, 1);
    }

    #[test]
    fn what_is_no_delivery_is_an_error_that_says_where() {
        for wrong in ["", "[]", "{", r#"{"logEvents":7}"#, r#"{"logEvents":[{"message":[]}]}"#] {
            assert!(delivered(wrong).unwrap_err().starts_with("awslogs.data: "), "{wrong}");
        }
    }

    #[test]
    fn the_error_of_a_delivery_never_repeats_a_long_text_in_full() {
        let error = delivered(&format!(r#"{{"logEvents":["{}"]}}"#, "x".repeat(70_000))).unwrap_err();
        assert!(error.len() < 600, "{} bytes", error.len());
    }
}
