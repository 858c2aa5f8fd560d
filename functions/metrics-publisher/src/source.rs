//! Detects the source of an event by its form.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::scalar::Scalar;

/// The source of an event, with its content.
#[derive(Debug)]
pub(crate) enum Source<'e> {
    /// A direct invocation with a record, or an object in the embedded metric format.
    Record(&'e str),
    /// A direct invocation, `{"records":[…]}` or `[…]`, with the list as JSON.
    Records(&'e str),
    /// A batch of SQS messages, `{"Records":[…]}` with the `eventSource` `aws:sqs`, with the list
    /// as JSON.
    Queue(&'e str),
    /// A log subscription, `{"awslogs":{"data":…}}`, with gzip in base64.
    Logs(&'e str),
    /// A scheduled event from EventBridge.
    Schedule,
}

/// The event has no known source.
#[derive(Debug, thiserror::Error)]
#[error(
    "the event is neither a record, embedded metrics, a list of these, {{\"records\":[…]}}, a batch of SQS \
     messages, a CloudWatch Logs subscription nor a scheduled event. SNS and EventBridge can send to \
     the queue"
)]
pub struct UnknownSource;

#[derive(Deserialize)]
struct EventShape<'e> {
    #[serde(borrow)]
    records: Option<&'e RawValue>,
    #[serde(borrow, rename = "Records")]
    messages: Option<&'e RawValue>,
    #[serde(borrow)]
    awslogs: Option<&'e RawValue>,
    #[serde(borrow)]
    service: Option<&'e RawValue>,
    #[serde(borrow, rename = "_aws")]
    metadata: Option<&'e RawValue>,
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
    /// Detects the source of an event.
    ///
    /// # Errors
    /// [`UnknownSource`] for any other event.
    pub(crate) fn from_event(event: &'e str) -> Result<Self, UnknownSource> {
        if event.trim_start().starts_with('[') {
            return Ok(Self::Records(event));
        }
        let shape: EventShape<'e> = serde_json::from_str(event).map_err(|_| UnknownSource)?;
        let list = |raw: &'e RawValue| Some(raw.get()).filter(|json| json.starts_with('['));
        match shape {
            EventShape {
                records: Some(records),
                messages: None,
                awslogs: None,
                ..
            } => list(records).map(Self::Records).ok_or(UnknownSource),
            EventShape {
                messages: Some(messages),
                records: None,
                awslogs: None,
                ..
            } => list(messages)
                .filter(|json| is_queue_batch(json))
                .map(Self::Queue)
                .ok_or(UnknownSource),
            EventShape {
                awslogs: Some(logs),
                ..
            } => {
                let logs: Logs<'e> = serde_json::from_str(logs.get()).map_err(|_| UnknownSource)?;
                Ok(Self::Logs(logs.data))
            }
            EventShape {
                detail_type: Some(kind),
                ..
            } if kind.get() == r#""Scheduled Event""# => Ok(Self::Schedule),
            EventShape {
                records: None,
                messages: None,
                detail_type: None,
                service,
                metadata,
                ..
            } if service.is_some() || metadata.is_some() => Ok(Self::Record(event)),
            _ => Err(UnknownSource),
        }
    }
}

/// Returns whether the first message comes from SQS. An empty batch counts as one from SQS.
fn is_queue_batch(messages: &str) -> bool {
    let mut is_queue_batch = true;
    let read = crate::elements::for_each(messages, |index, message: &RawValue| {
        if index == 0 {
            let first = serde_json::from_str::<First<'_>>(message.get());
            is_queue_batch = first.is_ok_and(|first| first.event_source.get() == Some("aws:sqs"));
        }
    });
    read.is_ok() && is_queue_batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(event: &str) -> &'static str {
        match Source::from_event(event) {
            Ok(Source::Record(_)) => "record",
            Ok(Source::Records(_)) => "records",
            Ok(Source::Queue(_)) => "queue",
            Ok(Source::Logs(_)) => "logs",
            Ok(Source::Schedule) => "schedule",
            Err(UnknownSource) => "unknown",
        }
    }

    #[test]
    fn each_source_is_detected_by_its_form() {
        for (event, source) in [
            (r#"{"records":[]}"#, "records"),
            ("[]", "records"),
            (r#"{"service":"s","operation":"o"}"#, "record"),
            (r#"{"_aws":{"CloudWatchMetrics":[]}}"#, "record"),
            (r#" [{"service":"s"}]"#, "records"),
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
    fn an_unknown_source_is_an_error_that_names_the_known_ones() {
        for event in [
            "null",
            "7",
            "{}",
            r#"{"records":7}"#,
            r#"{"records":7,"service":"s"}"#,
            r#"{"Type":"Notification","TopicArn":"a","Message":"{}"}"#,
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
            let _ = Source::from_event(&event);
        }
    }
}
