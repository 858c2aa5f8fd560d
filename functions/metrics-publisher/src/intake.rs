//! Counts the records and lines of a delivery.

use std::borrow::Cow;

use hashbrown::HashSet;
use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::shorten;

use crate::aggregate::Aggregator;
use crate::decoder::{DecodeError, decode};
use crate::delivery_id::{DeliveryId, LogBatchId};
use crate::elements::for_each;
use crate::embedded::Embedded;
use crate::line::{self, Observation};
use crate::record::{MAX_RECORD_SERIES, Record};
use crate::rejection::{Reason, Rejections};
use crate::scalar::Scalar;
use crate::threshold::{ThresholdEvent, Thresholds};
use crate::time::{Window, parse_ms};

/// The aggregates of one delivery, and its rejections.
#[derive(Debug)]
pub struct Intake {
    window: Window,
    /// The aggregates.
    pub sums: Aggregator,
    /// The number of accepted records and lines.
    pub accepted: u64,
    /// The number of log events and messages that the delivery contains a second time. They are not
    /// counted again.
    pub duplicates: u64,
    /// The number of deliveries that are not counted, because an earlier attempt claimed them.
    pub repeated: u64,
    /// The number of log lines whose metrics CloudWatch has extracted itself.
    pub skipped: u64,
    /// The rejected records, lines and values.
    pub rejections: Rejections,
    /// The thresholds that lines report.
    thresholds: Thresholds,
}

/// The ids of one delivery. The delivery limits their size: 6 MB from a queue, 32 MB from a log.
#[derive(Debug, Default)]
pub(crate) struct DeliveryIds<'d>(HashSet<Cow<'d, str>>);

impl<'d> DeliveryIds<'d> {
    /// Adds an id, and returns whether it was added before. An empty id is never repeated.
    pub(crate) fn is_repeated(&mut self, id: Scalar<'d>) -> bool {
        !id.raw().is_empty() && !self.0.insert(id.into_text())
    }
}

/// The reason why a whole delivery is invalid.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The data of a log subscription cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A part of the delivery is not valid JSON of its form.
    #[error("{what}: {}", shorten(.problem.to_string()))]
    Shape {
        /// The part.
        what: &'static str,
        /// The error.
        problem: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Subscription<'s> {
    #[serde(borrow, default, rename = "messageType")]
    message_type: Scalar<'s>,
    #[serde(borrow, default, rename = "logGroup")]
    group: Scalar<'s>,
    #[serde(borrow, default, rename = "logStream")]
    stream: Scalar<'s>,
    #[serde(borrow, rename = "logEvents")]
    events: Option<&'s RawValue>,
}

#[derive(Deserialize)]
struct LogEvent<'s> {
    #[serde(borrow, default)]
    id: Scalar<'s>,
    #[serde(borrow, default)]
    timestamp: Scalar<'s>,
    #[serde(borrow)]
    message: Scalar<'s>,
}

impl Intake {
    /// Creates an empty intake for one delivery. Its aggregates contain the numbers of their
    /// records, from 0 in the order of acceptance.
    #[must_use]
    pub fn new(window: Window) -> Self {
        let (sums, rejections) = (Aggregator::default(), Rejections::default());
        Self {
            window,
            sums,
            accepted: 0,
            duplicates: 0,
            repeated: 0,
            skipped: 0,
            rejections,
            thresholds: Thresholds::default(),
        }
    }

    /// Returns the intake, which accepts lines about thresholds if `is_on` is true.
    #[must_use]
    pub fn with_threshold_events(self, is_on: bool) -> Self {
        Self {
            thresholds: Thresholds::new(is_on),
            ..self
        }
    }

    /// Takes the threshold events, each once.
    pub(crate) fn take_threshold_events(&mut self) -> Vec<ThresholdEvent> {
        std::mem::take(&mut self.thresholds).into_events()
    }

    /// Counts one record, or an object in the embedded metric format. Returns whether it was
    /// accepted. `index` identifies a rejected record.
    pub fn record(&mut self, index: usize, json: &str) -> bool {
        let number = self.next_number();
        if let Some(embedded) = Embedded::read(json) {
            let read = embedded.observe(self.window, None, &mut self.sums, number);
            return self.record_result(index, read);
        }
        let room = self.sums.check_room(MAX_RECORD_SERIES);
        let read = room.and_then(|()| {
            Record::read(json, self.window, None, |record| {
                record.observe(&mut self.sums, number)
            })
        });
        self.record_result(index, read.map(|()| None))
    }

    /// Counts one log line, and returns whether it was accepted. A line in the embedded metric
    /// format is skipped. `logged_ms` is the time of a line without one.
    pub fn line(&mut self, index: usize, line: &str, logged_ms: Option<i64>) -> bool {
        let number = self.next_number();
        let read = line::observe(
            line,
            self.window,
            logged_ms,
            &mut self.sums,
            &mut self.thresholds,
            number,
        );
        match read {
            Ok(Observation::Counted) => self.record_result(index, Ok(None)),
            Ok(Observation::CountedInPart(reason)) => self.record_result(index, Ok(Some(reason))),
            Ok(Observation::Skipped) => {
                self.skipped += 1;
                false
            }
            Err(reason) => self.record_result(index, Err(reason)),
        }
    }

    /// Rejects something that is not a record.
    pub(crate) fn reject(&mut self, index: usize, reason: &Reason) {
        self.rejections.add(index, reason);
    }

    /// Returns the number of the next accepted record.
    fn next_number(&self) -> u32 {
        u32::try_from(self.accepted).unwrap_or(u32::MAX)
    }

    /// Counts a list of records. Returns the number of accepted records.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] if the JSON is not a list.
    pub fn records(&mut self, json: &str) -> Result<u64, IntakeError> {
        let before = self.accepted;
        let read = for_each(json, |index, record: &RawValue| {
            self.record(index, record.get());
        });
        read.map_err(|problem| IntakeError::Shape {
            what: "records",
            problem,
        })?;
        Ok(self.accepted - before)
    }

    /// Counts the lines of a log subscription, each event once. Control messages of CloudWatch Logs
    /// contain no lines. Returns the id of the batch.
    ///
    /// # Errors
    /// [`IntakeError`] if the data cannot be decoded or is invalid.
    pub(crate) fn subscription(&mut self, data: &str) -> Result<DeliveryId, IntakeError> {
        let shape = |problem| IntakeError::Shape {
            what: "awslogs.data",
            problem,
        };
        let bytes = decode(data)?;
        let delivery: Subscription<'_> = serde_json::from_slice(&bytes).map_err(shape)?;
        let Some(events) = delivery
            .events
            .filter(|_| delivery.message_type.get() != Some("CONTROL_MESSAGE"))
        else {
            return Ok(LogBatchId::default().finish());
        };

        let (mut batch, mut ids) = (LogBatchId::default(), DeliveryIds::default());
        batch.add(delivery.group.raw());
        batch.add(delivery.stream.raw());
        let read = for_each(events.get(), |index, event: LogEvent<'_>| {
            batch.add(event.id.raw());
            if ids.is_repeated(event.id) {
                self.duplicates += 1;
                return;
            }
            let logged_ms = event.timestamp.get().and_then(parse_ms);
            self.line(
                index,
                event.message.get().unwrap_or_default().trim(),
                logged_ms,
            );
        });
        read.map_err(shape)?;
        Ok(batch.finish())
    }

    /// Returns whether the delivery has nothing to publish.
    pub(crate) fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.rejections.count() == 0
    }

    /// Turns a delivery into a repeated one: its records and lines count as duplicates.
    pub(crate) fn forget_records(&mut self) {
        self.duplicates += std::mem::take(&mut self.accepted);
        self.sums = Aggregator::default();
        self.rejections = Rejections::default();
        self.repeated += 1;
    }

    /// Records whether a record was accepted, accepted without one of its values, or rejected.
    fn record_result(&mut self, index: usize, read: Result<Option<Reason>, Reason>) -> bool {
        self.accepted += u64::from(read.is_ok());
        if let Ok(Some(reason)) | Err(reason) = &read {
            self.rejections.add(index, reason);
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
    use crate::series::Metric;

    fn intake() -> Intake {
        Intake::new(Window::at(
            Timestamp::from_millisecond(1_795_348_830_000).unwrap(),
        ))
    }

    fn sent(text: &str) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    fn delivered(delivery: &str) -> Result<Intake, String> {
        let mut intake = intake();
        intake
            .subscription(&sent(delivery))
            .map_err(|error| error.to_string())?;
        Ok(intake)
    }

    #[test]
    fn one_bad_record_amid_ten_is_named_with_its_place_and_reason() {
        let good = r#"{"service":"s","operation":"o","duration_ms":1,"success":true}"#;
        let mut records = [good; 10];
        records[3] = r#"{"service":"s"}"#;
        let mut intake = intake();
        assert_eq!(
            intake.records(&format!("[{}]", records.join(","))).unwrap(),
            9
        );
        let listed = intake.rejections.listed();
        assert_eq!((intake.accepted, listed.len(), listed[0].index), (9, 1, 3));
        assert_eq!(listed[0].reason, "`operation` is missing or empty");
    }

    #[test]
    fn repeated_records_add_no_series_or_values() {
        let record = r#"{"service":"s","operation":"o","duration_ms":7,"success":true},"#;
        let json = format!(
            "[{}{}]",
            record.repeat(99_999),
            record.trim_end_matches(',')
        );
        let mut intake = intake();
        assert_eq!(intake.records(&json).unwrap(), 100_000);
        assert_eq!(intake.sums.len(), 2);
        assert!(
            intake
                .sums
                .iter()
                .all(|(_, aggregate)| aggregate.values.values().len() == 1)
        );
    }

    #[test]
    fn a_check_of_whether_anybody_is_there_is_ignored_wherever_it_says_so() {
        let events = r#""logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination"}]"#;
        for check in [
            format!(r#"{{"messageType":"CONTROL_MESSAGE",{events}}}"#),
            format!(r#"{{{events},"messageType":"CONTROL_MESSAGE"}}"#),
            r#"{"messageType":"DATA_MESSAGE","logEvents":[]}"#.to_owned(),
            r#"{"messageType":"DATA_MESSAGE"}"#.to_owned(),
        ] {
            let intake = delivered(&check).unwrap();
            assert_eq!(
                (
                    intake.accepted,
                    intake.rejections.count(),
                    intake.sums.len()
                ),
                (0, 0, 0),
                "{check}"
            );
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
        assert_eq!(intake.rejections.listed()[0].index, 1);
    }

    #[test]
    fn a_log_event_that_is_delivered_twice_counts_once() {
        let message = r#"{\"api_call\":{\"service\":\"s\",\"operation\":\"o\",\"duration_ms\":1,\"success\":true}}"#;
        let event = |id: &str, message: &str| {
            format!(r#"{{{id}"timestamp":1795348800000,"message":"{message}"}}"#)
        };
        let one = event(r#""id":"38957261738590457201","#, message);
        let other = event(r#""id":"38957261738590457202","#, message);
        let bad = event(r#""id":"38957261738590457203","#, "START");
        let unnamed = event("", message);
        let events = [&*one, &one, &other, &one, &bad, &bad, &unnamed, &unnamed].join(",");

        let intake = delivered(&format!(
            r#"{{"messageType":"DATA_MESSAGE","logEvents":[{events}]}}"#
        ))
        .unwrap();
        assert_eq!(
            (
                intake.accepted,
                intake.duplicates,
                intake.rejections.count()
            ),
            (4, 3, 1)
        );
    }

    #[test]
    fn records_are_numbered_in_the_order_in_which_they_are_accepted() {
        let record = |operation| {
            format!(r#"{{"service":"s","operation":"{operation}","duration_ms":1,"success":true}}"#)
        };
        let json = format!("[{},{{}},{},{}]", record("a"), record("b"), record("a"));
        let numbers = |mut intake: Intake| {
            intake.records(&json).unwrap();
            let counts = intake
                .sums
                .into_data()
                .into_iter()
                .filter(|datum| datum.series.metric == Metric::CallCount);
            counts
                .map(|datum| datum.aggregate.records)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(intake()), [vec![0, 2], vec![1]]);
    }

    #[test]
    fn an_invalid_delivery_is_an_error_that_names_its_part() {
        for wrong in [
            "",
            "[]",
            "{",
            r#"{"logEvents":7}"#,
            r#"{"logEvents":[{"message":[]}]}"#,
        ] {
            assert!(
                delivered(wrong).unwrap_err().starts_with("awslogs.data: "),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_error_of_a_delivery_never_repeats_a_long_text_in_full() {
        let error =
            delivered(&format!(r#"{{"logEvents":["{}"]}}"#, "x".repeat(70_000))).unwrap_err();
        assert!(error.len() < 600, "{} bytes", error.len());
    }
}
