//! The content of a message: a record, a list of them, or an envelope around either.
//!
//! SNS and EventBridge deliver to a queue in an envelope. Two levels are unwrapped, such as an
//! event of EventBridge in a notification of SNS. The signature of a notification is not verified:
//! the policy of the queue decides who can send messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::Excerpt;

use crate::intake::Intake;
use crate::quoting::with_quoted_tokens;
use crate::rejection::Reason;
use crate::scalar::Scalar;

/// The maximum number of envelopes around records.
const MAX_ENVELOPES: usize = 2;
/// The type of the SNS messages that subscribers publish.
const NOTIFICATION: &str = "Notification";

/// The content of a text.
enum Content<'t> {
    /// A list of records, as JSON.
    Records(&'t str),
    /// A record, or something that is not valid.
    Record,
    /// The content of an envelope.
    Enclosed(Cow<'t, str>),
    /// A message of SNS that is not a notification, with its type.
    Other(String),
}

#[derive(Deserialize)]
struct Fields<'t> {
    #[serde(borrow)]
    records: Option<&'t RawValue>,
    #[serde(borrow, rename = "TopicArn")]
    topic_arn: Option<&'t RawValue>,
    #[serde(borrow, default, rename = "Type")]
    kind: Scalar<'t>,
    #[serde(borrow, rename = "Message")]
    message: Option<Cow<'t, str>>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'t RawValue>,
    #[serde(borrow)]
    detail: Option<&'t RawValue>,
}

/// Counts the records of a message, and returns false if all of them were rejected. `index`
/// identifies the message.
pub(crate) fn count(index: usize, text: &str, intake: &mut Intake) -> bool {
    count_enclosed(index, text, 0, intake)
}

fn count_enclosed(index: usize, text: &str, envelopes: usize, intake: &mut Intake) -> bool {
    let text = with_quoted_tokens(text);
    let content = Content::of(text.trim());
    match content {
        Content::Records(list) => count_list(index, list, intake),
        Content::Record => intake.record(index, &text),
        Content::Enclosed(_) if envelopes == MAX_ENVELOPES => {
            intake.reject(index, &Reason::Envelopes);
            false
        }
        Content::Enclosed(inner) => count_enclosed(index, &inner, envelopes + 1, intake),
        Content::Other(kind) => {
            intake.reject(index, &Reason::NotANotification(kind));
            false
        }
    }
}

/// Counts a list. An empty one has no record that could be rejected.
fn count_list(index: usize, list: &str, intake: &mut Intake) -> bool {
    let rejected = intake.rejections.count();
    match intake.records(list) {
        Ok(counted) => counted > 0 || intake.rejections.count() == rejected,
        Err(_) => intake.record(index, list),
    }
}

impl<'t> Content<'t> {
    fn of(text: &'t str) -> Self {
        if text.starts_with('[') {
            return Self::Records(text);
        }
        let Ok(fields) = serde_json::from_str::<Fields<'t>>(text) else {
            return Self::Record;
        };

        match fields {
            Fields {
                records: Some(list),
                ..
            } if list.get().starts_with('[') => Self::Records(list.get()),
            Fields {
                topic_arn: Some(_),
                message: Some(message),
                kind,
                ..
            } => match kind.get() {
                Some(NOTIFICATION) => Self::Enclosed(message),
                kind => Self::Other(Excerpt(kind.unwrap_or_default()).to_string()),
            },
            Fields {
                detail_type: Some(_),
                detail: Some(detail),
                ..
            } => Self::Enclosed(Cow::Borrowed(detail.get())),
            _ => Self::Record,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::time::Window;

    fn record() -> Value {
        json!({"service": "s", "operation": "o", "duration_ms": 1, "success": true})
    }

    fn notification(message: &str) -> Value {
        json!({"Type": "Notification", "MessageId": "m", "Timestamp": "2026-11-22T12:00:00.000Z",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:calls", "Message": message,
            "Signature": "EXAMPLE", "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/a.pem"})
    }

    fn event(detail: Value) -> Value {
        json!({"version": "0", "id": "e", "detail-type": "Calls", "source": "shop",
            "account": "123456789012", "time": "2026-11-22T12:00:00Z", "region": "eu-central-1",
            "resources": [], "detail": detail})
    }

    fn counted(text: &str) -> (bool, Intake) {
        let mut intake = Intake::new(Window::at(jiff::Timestamp::now()));
        let is_counted = count(0, text, &mut intake);
        (is_counted, intake)
    }

    fn accepted(content: &Value) -> u64 {
        let (is_counted, intake) = counted(&content.to_string());
        assert_eq!(intake.rejections.listed(), [], "{content}");
        assert!(is_counted);
        intake.accepted
    }

    fn reason(text: &str) -> String {
        let (is_counted, intake) = counted(text);
        assert!(!is_counted && intake.accepted == 0, "{text}");
        intake.rejections.listed()[0].reason.clone()
    }

    #[test]
    fn records_and_lists_are_counted_in_every_envelope() {
        let contents = [
            (record(), 1),
            (json!([record(), record()]), 2),
            (json!({"records": [record(), record(), record()]}), 3),
            (json!([]), 0),
        ];
        for (content, count) in contents {
            assert_eq!(accepted(&content), count);
            assert_eq!(accepted(&notification(&content.to_string())), count);
            assert_eq!(accepted(&event(content.clone())), count);
            let both = notification(&event(content).to_string());
            assert_eq!(accepted(&both), count);
        }
    }

    #[test]
    fn embedded_metrics_are_counted_like_records() {
        let embedded: Value = json!({
            "_aws": {"CloudWatchMetrics": [{"Namespace": "A", "Metrics": [{"Name": "x"}]}]}, "x": 1});
        assert_eq!(accepted(&embedded), 1);
        assert_eq!(
            accepted(&event(json!({"records": [embedded, record()]}))),
            2
        );
    }

    #[test]
    fn a_third_envelope_is_rejected() {
        let two = event(record()).to_string();
        let three = notification(&notification(&two).to_string()).to_string();
        assert_eq!(reason(&three), "more than two envelopes around the records");
    }

    #[test]
    fn a_message_of_sns_that_is_not_a_notification_is_rejected_with_its_type() {
        let mut confirmation = notification("You have chosen to subscribe to the topic");
        confirmation["Type"] = "SubscriptionConfirmation".into();
        assert_eq!(
            reason(&confirmation.to_string()),
            "an SNS message of the type `SubscriptionConfirmation`, expected `Notification`"
        );
    }

    #[test]
    fn an_envelope_without_a_record_is_rejected() {
        for empty in [
            notification("hello").to_string(),
            event(json!({"orderId": 7})).to_string(),
            notification("").to_string(),
        ] {
            reason(&empty);
        }
    }

    #[test]
    fn a_token_that_is_not_json_costs_only_its_record() {
        for token in ["nan", "-NaN", ".5", "+1", "01", "1.", "None", "inf"] {
            let list = json!([record(), record()]).to_string();
            let (_, intake) = counted(&list.replacen(":1,", &format!(":{token},"), 1));
            let rejected = intake.rejections.listed();
            assert_eq!((intake.accepted, rejected.len()), (1, 1), "{token}");
            assert_eq!(
                rejected[0].reason,
                "`duration_ms` is not a number of milliseconds"
            );
        }
        let list = json!([record(), record()]).to_string();
        let (_, intake) = counted(&list.replacen("true", "True", 1));
        let reason = &intake.rejections.listed()[0].reason;
        assert_eq!(reason, "`success` is neither true nor false");
    }

    #[test]
    fn a_number_that_is_not_json_costs_only_its_record() {
        let list = json!([record(), record(), record()]).to_string();
        let python = list
            .replacen(":1,", ":NaN,", 1)
            .replacen(":1,", ": -Infinity,", 1);
        for text in [python.clone(), notification(&python).to_string()] {
            let (_, intake) = counted(&text);
            let reasons: Vec<_> = intake
                .rejections
                .listed()
                .iter()
                .map(|one| one.reason.as_str())
                .collect();
            assert_eq!(intake.accepted, 1);
            assert_eq!(
                reasons,
                ["`duration_ms` is not a number of milliseconds"; 2]
            );
        }
    }

    fn content() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(record()),
            Just(json!({"service": "s"})),
            Just(Value::Null),
            any::<String>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 30, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|list| json!({"records": list})),
                inner.clone().prop_map(event),
                inner
                    .clone()
                    .prop_map(|value| notification(&value.to_string())),
                inner.prop_map(
                    |value| json!({"Type": "Notification", "TopicArn": 1, "Message": value})
                ),
            ]
        })
    }

    /// Returns the number of valid records that are within two envelopes and one list.
    fn expected(content: &Value, envelopes: usize) -> u64 {
        let valid =
            |list: &Vec<Value>| list.iter().filter(|item| **item == record()).count() as u64;
        if let Some(list) = content.as_array().or_else(|| content["records"].as_array()) {
            return valid(list);
        }
        let inner = match (
            &content["TopicArn"],
            content["Message"].as_str(),
            &content["detail"],
        ) {
            (Value::Null, _, Value::Null) => return u64::from(*content == record()),
            (Value::Null, _, detail) => detail.clone(),
            (_, Some(message), _) => match serde_json::from_str(message) {
                Ok(inner) => inner,
                Err(_) => return 0,
            },
            (_, None, _) => return 0,
        };
        if envelopes == MAX_ENVELOPES {
            0
        } else {
            expected(&inner, envelopes + 1)
        }
    }

    proptest! {
        #[test]
        fn nested_envelopes_count_each_record_once(content in content()) {
            let (_, intake) = counted(&content.to_string());
            prop_assert_eq!(intake.accepted, expected(&content, 0));
        }

        #[test]
        fn no_text_causes_a_panic(text in any::<String>()) {
            counted(&text);
            counted(&format!(r#"{{"TopicArn":"a","Type":"Notification","Message":"{text}"}}"#));
            counted(&format!(r#"{{"detail-type":"a","detail":{text}}}"#));
        }
    }
}
