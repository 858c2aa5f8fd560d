//! Counts a log line: from the access log, a call record, or the state of a circuit breaker. Lines
//! about thresholds become events.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access_log::{self, AccessLine};
use crate::aggregate::Aggregator;
use crate::name::dimension_value;
use crate::record::{self, Record};
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, Series};
use crate::threshold::{THRESHOLD_EVENT, Thresholds};
use crate::time::Window;

/// A call record, a line about a threshold, or the line that `aws::Breaker` logs when its state
/// changes.
#[derive(Deserialize)]
struct FunctionLine<'a> {
    #[serde(borrow, default)]
    event: Scalar<'a>,
    #[serde(borrow)]
    api_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    breaker: Scalar<'a>,
    #[serde(borrow, default)]
    to: Scalar<'a>,
}

/// Counts a line as the record with this number. `logged_ms` is its time if it has none. Returns the
/// reason if a latency was omitted.
///
/// # Errors
/// [`Reason`] if the line cannot be counted.
pub(crate) fn observe(
    line: &str,
    window: Window,
    logged_ms: Option<i64>,
    sums: &mut Aggregator,
    thresholds: &mut Thresholds,
    number: u32,
) -> Result<Option<Reason>, Reason> {
    const { assert!(access_log::MAX_LINE_SERIES >= record::MAX_RECORD_SERIES) };
    sums.check_room(access_log::MAX_LINE_SERIES)?;
    match AccessLine::read(line) {
        Some(access) => access.observe(window, logged_ms, sums, number),
        None => {
            observe_function_line(line, window, logged_ms, sums, thresholds, number).map(|()| None)
        }
    }
}

fn observe_function_line(
    line: &str,
    window: Window,
    logged_ms: Option<i64>,
    sums: &mut Aggregator,
    thresholds: &mut Thresholds,
    number: u32,
) -> Result<(), Reason> {
    let read: FunctionLine<'_> = serde_json::from_str(line).map_err(|_| Reason::UnknownLine)?;
    if let Some(record) = read.api_call {
        return Record::read(record.get(), window, logged_ms, |record| {
            record.observe(sums, number)
        });
    }
    if read.event.get() == Some(THRESHOLD_EVENT) {
        return thresholds.add(line, logged_ms);
    }
    let breaker = read
        .breaker
        .get()
        .and_then(dimension_value)
        .ok_or(Reason::UnknownLine)?;
    let state = read.to.get().ok_or(Reason::UnknownLine)?;
    if state == "Open" {
        sums.add(
            window.minute(logged_ms)?,
            Series::new(Metric::BreakerOpen, [&breaker]),
            1.0,
            1,
            number,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn observed(line: &str) -> Result<Vec<String>, Reason> {
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        let mut thresholds = Thresholds::new(true);
        observe(
            line,
            window,
            Some(1_795_348_800_000),
            &mut sums,
            &mut thresholds,
            0,
        )?;
        Ok(sums
            .into_data()
            .iter()
            .map(|datum| format!("{}@{}", datum.series.metric.name(), datum.minute))
            .collect())
    }

    #[test]
    fn a_call_record_among_other_fields_is_counted() {
        let line = r#"{"api_call":{"service":"s","operation":"o","duration_ms":1,"success":true},"request_id":"r"}"#;
        assert_eq!(
            observed(line).unwrap(),
            ["ApiCallDuration@1795348800", "ApiCallCount@1795348800"]
        );
        let wrong = line.replace("true", "1");
        assert!(matches!(observed(&wrong), Err(Reason::Shape(_))));
    }

    #[test]
    fn a_breaker_that_opens_is_counted_and_one_that_closes_is_not() {
        let line = r#"{"timestamp":"2026-11-22T12:00:00Z","level":"WARN","message":"circuit breaker changed its state","breaker":"dynamodb","from":"Closed","to":"Open","opened":1}"#;
        assert_eq!(observed(line).unwrap(), ["BreakerOpen@1795348800"]);
        assert_eq!(
            observed(&line.replace(r#""to":"Open""#, r#""to":"HalfOpen""#)),
            Ok(vec![])
        );
    }

    #[test]
    fn a_line_about_a_threshold_counts_in_no_metric() {
        let line = include_str!("../tests/publishing/threshold.json");
        assert_eq!(observed(line), Ok(vec![]));
    }

    #[test]
    fn what_is_no_json_or_none_of_the_three_is_rejected() {
        for line in [
            "",
            "START RequestId: 1",
            "{",
            "[]",
            "7",
            r#"{"message":"x"}"#,
            r#"{"status":"200"}"#,
            "null",
        ] {
            assert_eq!(observed(line), Err(Reason::UnknownLine), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_causes_a_panic(line in any::<String>(), value in any::<String>()) {
            let _ = observed(&line);
            let _ = observed(&format!(r#"{{"route_key":"{value}","status":"200","plan":"{value}","decision":"{value}"}}"#));
            let quoted = serde_json::to_string(&value).unwrap();
            let _ = observed(&format!(r#"{{"route_key":{quoted},"status":{quoted},"time_ms":{quoted},"decision":{quoted}}}"#));
            let _ = observed(&format!(r#"{{"breaker":{quoted},"to":"Open"}}"#));
        }
    }
}
