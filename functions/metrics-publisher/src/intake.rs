//! What a delivery holds, counted.

use std::borrow::Cow;

use hashbrown::HashSet;
use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::shorten;

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
    /// False if records need not be told apart afterwards.
    is_numbered: bool,
    /// What was counted.
    pub sums: Aggregator,
    /// How many records and lines that was.
    pub accepted: u64,
    /// Log events and messages that were delivered before in the same delivery, and so were not
    /// counted again.
    pub duplicates: u64,
    /// What could not be counted.
    pub rejections: Rejections,
}

/// The ids of one delivery. They are bounded by the delivery's own size: 6 MB from a queue, 32 MB
/// from a log.
#[derive(Debug, Default)]
pub(crate) struct SeenIds<'d>(HashSet<Cow<'d, str>>);

impl<'d> SeenIds<'d> {
    /// Notes an id, and returns true if it was noted before. Without an id nothing can be
    /// recognised.
    pub(crate) fn is_repeated(&mut self, id: Scalar<'d>) -> bool {
        !id.raw().is_empty() && !self.0.insert(id.into_text())
    }
}

/// Why a delivery cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// What a log subscription sent.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not of its source's shape.
    #[error("{what}: {}", shorten(.problem.to_string()))]
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
    id: Scalar<'s>,
    #[serde(borrow, default)]
    timestamp: Scalar<'s>,
    #[serde(borrow)]
    message: Scalar<'s>,
}

impl Intake {
    /// An empty intake for one delivery. Its sums know which records they come from, numbered from
    /// 0 in the order in which they were accepted.
    #[must_use]
    pub fn new(window: Window) -> Self {
        let (sums, rejections) = (Aggregator::default(), Rejections::default());
        Self {
            window,
            is_numbered: true,
            sums,
            accepted: 0,
            duplicates: 0,
            rejections,
        }
    }

    /// An empty intake for a process's whole life. Its size does not depend on the number of
    /// records.
    #[must_use]
    pub fn of_all_time() -> Self {
        Self {
            is_numbered: false,
            ..Self::new(Window::of_all_time())
        }
    }

    /// Counts one record. `index` names it if it is rejected.
    pub fn record(&mut self, index: usize, json: &str) -> bool {
        let number = self.next_number();
        let room = self.sums.check_room(OBSERVATIONS);
        let read = room.and_then(|()| {
            Record::read(json, self.window, None, |record| {
                record.observe(&mut self.sums, number)
            })
        });
        self.note(index, read.map(|()| None))
    }

    /// Counts one log line. `logged_ms` is its time if it does not state one.
    pub fn line(&mut self, index: usize, line: &str, logged_ms: Option<i64>) -> bool {
        let number = self.next_number();
        let read = line::observe(line, self.window, logged_ms, &mut self.sums, number);
        self.note(index, read)
    }

    /// The number of the next record that is accepted.
    fn next_number(&self) -> u32 {
        if self.is_numbered {
            u32::try_from(self.accepted).unwrap_or(u32::MAX)
        } else {
            0
        }
    }

    /// Counts a list of records and rejects those that cannot be counted. Returns how many were
    /// counted.
    ///
    /// # Errors
    /// [`IntakeError::Shape`] for JSON that is no list.
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

    /// Counts the lines that a log subscription sends, each event once. CloudWatch Logs' control
    /// messages have none.
    ///
    /// # Errors
    /// [`IntakeError`] for what cannot be decoded.
    pub fn subscription(&mut self, data: &str) -> Result<(), IntakeError> {
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
            return Ok(());
        };

        let mut seen = SeenIds::default();
        let read = for_each(events.get(), |index, event: LogEvent<'_>| {
            if seen.is_repeated(event.id) {
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
        read.map_err(shape)
    }

    /// Notes what came of a record: it was counted, it was counted without one of its values, or it
    /// was rejected.
    fn note(&mut self, index: usize, read: Result<Option<Reason>, Reason>) -> bool {
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
        let named = intake.rejections.named();
        assert_eq!((intake.accepted, named.len(), named[0].index), (9, 1, 3));
        assert_eq!(named[0].reason, "`operation` is missing or empty");
    }

    #[test]
    fn a_hundred_thousand_records_are_no_more_series_and_values_than_one() {
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
        assert_eq!(intake.rejections.named()[0].index, 1);
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
        assert_eq!(numbers(Intake::of_all_time()), [vec![0], vec![0]]);
    }

    #[test]
    fn what_is_no_delivery_is_an_error_that_says_where() {
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
