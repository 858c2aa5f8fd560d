//! Where an event comes from, told by its shape.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scalar::Scalar;

/// The four sources.
#[derive(Debug)]
pub enum Source<'e> {
    /// `{"records":[R…]}`: a direct invocation. The list, as JSON.
    Records(&'e str),
    /// `{"Records":[…]}` with `eventSource` `aws:sqs`. The list of messages, as JSON.
    Queue(&'e str),
    /// `{"awslogs":{"data":…}}`: a log subscription. Base64 of gzip.
    Logs(&'e str),
    /// A scheduled event of EventBridge.
    Schedule,
}

/// An event of none of the four sources.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event is neither {{\"records\":[…]}}, a batch of SQS messages, a CloudWatch Logs subscription nor a scheduled event"
)]
pub struct UnknownSource;

#[derive(Deserialize)]
struct Shape<'e> {
    #[serde(borrow)]
    records: Option<&'e RawValue>,
    #[serde(borrow, rename = "Records")]
    messages: Option<&'e RawValue>,
    #[serde(borrow)]
    awslogs: Option<&'e RawValue>,
    #[serde(borrow, default, rename = "detail-type")]
    detail_type: Option<&'e RawValue>,
}

#[derive(Deserialize)]
struct Logs<'e> {
    data: &'e str,
}

#[derive(Deserialize)]
struct First<'e> {
    #[serde(borrow, rename = "eventSource")]
    event_source: Scalar<'e>,
}

impl<'e> Source<'e> {
    /// Tells the source of an event.
    ///
    /// # Errors
    /// [`UnknownSource`] for one that is none of the four.
    pub fn of(event: &'e str) -> Result<Self, UnknownSource> {
        let shape: Shape<'e> = serde_json::from_str(event).map_err(|_| UnknownSource)?;
        let list = |raw: &'e RawValue| Some(raw.get()).filter(|json| json.starts_with('['));
        match shape {
            Shape {
                records: Some(records),
                messages: None,
                awslogs: None,
                ..
            } => list(records).map(Self::Records).ok_or(UnknownSource),
            Shape {
                messages: Some(messages),
                records: None,
                awslogs: None,
                ..
            } => list(messages)
                .filter(|json| of_queue(json))
                .map(Self::Queue)
                .ok_or(UnknownSource),
            Shape {
                awslogs: Some(logs),
                ..
            } => {
                let logs: Logs<'e> = serde_json::from_str(logs.get()).map_err(|_| UnknownSource)?;
                Ok(Self::Logs(logs.data))
            }
            Shape {
                detail_type: Some(kind),
                ..
            } if kind.get() == r#""Scheduled Event""# => Ok(Self::Schedule),
            _ => Err(UnknownSource),
        }
    }
}

/// Whether the first message says that it comes from SQS; a batch without messages may be one.
fn of_queue(messages: &str) -> bool {
    let mut of_queue = true;
    let read = crate::elements::for_each(messages, |index, message: &RawValue| {
        if index == 0 {
            let first = serde_json::from_str::<First<'_>>(message.get());
            of_queue = first.is_ok_and(|first| first.event_source.get() == Some("aws:sqs"));
        }
    });
    read.is_ok() && of_queue
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(event: &str) -> &'static str {
        match Source::of(event) {
            Ok(Source::Records(_)) => "records",
            Ok(Source::Queue(_)) => "queue",
            Ok(Source::Logs(_)) => "logs",
            Ok(Source::Schedule) => "schedule",
            Err(UnknownSource) => "unknown",
        }
    }

    #[test]
    fn each_source_is_told_by_its_shape() {
        for (event, source) in [
            (r#"{"records":[]}"#, "records"),
            (
                r#"{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":"{}"}]}"#,
                "queue",
            ),
            (r#"{"Records":[]}"#, "queue"),
            (r#"{"awslogs":{"data":"H4sI"}}"#, "logs"),
            (
                r#"{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#,
                "schedule",
            ),
            (
                r#"{"detail-type":"Scheduled Event","source":"aws.scheduler","detail":"{}"}"#,
                "schedule",
            ),
        ] {
            assert_eq!(name(event), source, "{event}");
        }
    }

    #[test]
    fn any_other_shape_is_an_error_that_names_those_that_are_understood() {
        for event in [
            "null",
            "[]",
            "7",
            "{}",
            r#"{"records":7}"#,
            r#"{"records":[],"Records":[]}"#,
            r#"{"Records":[{"eventSource":"aws:s3"}]}"#,
            r#"{"Records":[{"EventSource":"aws:sns"}]}"#,
            r#"{"awslogs":{"data":7}}"#,
            r#"{"awslogs":{}}"#,
            r#"{"detail-type":"Object Created","source":"aws.s3"}"#,
        ] {
            assert_eq!(name(event), "unknown", "{event}");
        }
        for shape in ["records", "SQS", "Logs", "scheduled"] {
            assert!(UnknownSource.to_string().contains(shape));
        }
    }

    proptest! {
        #[test]
        fn no_event_makes_it_panic(event in any::<String>()) {
            let _ = Source::of(&event);
        }
    }
}
