//! Counts a log line: from the access log, a call record or aggregated ones, the state of a circuit
//! breaker, or the comparisons of a candidate. Lines about thresholds become events.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access_log::{self, AccessLine};
use crate::aggregate::Aggregator;
use crate::call_aggregate;
use crate::candidate_counts::{CANDIDATE_EVENT, CandidateCounts, MAX_CANDIDATE_SERIES};
use crate::embedded::declares_metrics;
use crate::name::dimension_value;
use crate::quoting::with_quoted_tokens;
use crate::record::{self, Record};
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, Series};
use crate::threshold::{THRESHOLD_EVENT, Thresholds};
use crate::time::Window;

/// A call record or aggregated ones, a line about a threshold or a candidate, or the line that
/// `aws::Breaker` logs when its state changes.
#[derive(Deserialize)]
struct FunctionLine<'a> {
    #[serde(borrow, default)]
    event: Scalar<'a>,
    #[serde(borrow)]
    api_call: Option<&'a RawValue>,
    #[serde(borrow)]
    api_calls: Option<&'a RawValue>,
    #[serde(borrow, rename = "_aws")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    breaker: Scalar<'a>,
    #[serde(borrow, default)]
    to: Scalar<'a>,
}

/// The result of a line that is not rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Observation {
    /// The whole line was counted.
    Counted,
    /// The line was counted without a latency or an aggregate, for this reason.
    CountedInPart(Reason),
    /// The line is in the embedded metric format. CloudWatch extracts its metrics itself.
    Skipped,
}

impl From<Option<Reason>> for Observation {
    fn from(omission: Option<Reason>) -> Self {
        omission.map_or(Self::Counted, Self::CountedInPart)
    }
}

/// Counts a line as the record with this number. `logged_ms` is its time if it has none.
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
) -> Result<Observation, Reason> {
    const { assert!(access_log::MAX_LINE_SERIES >= record::MAX_RECORD_SERIES) };
    const { assert!(access_log::MAX_LINE_SERIES >= MAX_CANDIDATE_SERIES) };
    sums.check_room(access_log::MAX_LINE_SERIES)?;
    if let Some(access) = AccessLine::read(line) {
        return Ok(access.observe(window, logged_ms, sums, number)?.into());
    }

    match observe_function_line(line, window, logged_ms, sums, thresholds, number) {
        Err(Reason::UnknownLine) => {
            let line = with_quoted_tokens(line);
            observe_function_line(&line, window, logged_ms, sums, thresholds, number)
        }
        observed => observed,
    }
}

fn observe_function_line(
    line: &str,
    window: Window,
    logged_ms: Option<i64>,
    sums: &mut Aggregator,
    thresholds: &mut Thresholds,
    number: u32,
) -> Result<Observation, Reason> {
    let read: FunctionLine<'_> = serde_json::from_str(line).map_err(|_| Reason::UnknownLine)?;
    if let Some(aggregates) = read.api_calls {
        let omission =
            call_aggregate::observe_all(aggregates.get(), window, logged_ms, sums, number)?;
        return Ok(omission.into());
    }
    if let Some(record) = read.api_call {
        Record::read(record.get(), window, logged_ms, |record| {
            record.observe(sums, number)
        })?;
        return Ok(Observation::Counted);
    }
    if read.metadata.is_some_and(declares_metrics) {
        return Ok(Observation::Skipped);
    }

    match read.event.get() {
        Some(THRESHOLD_EVENT) => thresholds.add(line, logged_ms)?,
        Some(CANDIDATE_EVENT) => {
            let counts = CandidateCounts::read(line)?;
            counts.observe(window.minute(logged_ms)?, sums, number);
        }
        _ => observe_breaker(&read, window.minute(logged_ms), sums, number)?,
    }
    Ok(Observation::Counted)
}

/// Counts a circuit breaker that opened. Other changes of its state count in no metric.
fn observe_breaker(
    line: &FunctionLine<'_>,
    minute: Result<i64, Reason>,
    sums: &mut Aggregator,
    number: u32,
) -> Result<(), Reason> {
    let breaker = line.breaker.get().and_then(dimension_value);
    let breaker = breaker.ok_or(Reason::UnknownLine)?;
    let state = line.to.get().ok_or(Reason::UnknownLine)?;
    if state == "Open" {
        let series = Series::new(Metric::BreakerOpen, [&breaker]);
        sums.add(minute?, series, 1.0, 1, number);
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
        assert_eq!(observed(&wrong), Err(Reason::Boolean("success")));
    }

    #[test]
    fn aggregated_call_records_are_counted() {
        let line = include_str!("../../../crates/telemetry/tests/api_calls.json");
        let mut sums = Aggregator::default();
        let mut thresholds = Thresholds::new(false);
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        assert_eq!(
            observe(line, window, None, &mut sums, &mut thresholds, 0),
            Ok(Observation::Counted)
        );

        let data = sums.into_data();
        let counts = data
            .iter()
            .filter(|datum| datum.series.metric == Metric::CallCount)
            .map(|datum| datum.aggregate.values.count());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 3], "errors and successes");
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
    fn comparisons_of_a_candidate_are_counted_by_result() {
        let counts = |line: &str| {
            let mut sums = Aggregator::default();
            let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
            let (at, mut thresholds) = (Some(1_795_348_800_000), Thresholds::new(false));
            observe(line, window, at, &mut sums, &mut thresholds, 0)?;
            let data = sums.into_data();
            let found = data
                .iter()
                .map(|datum| (datum.series.to_string(), datum.aggregate.values.count()));
            Ok(found.collect::<Vec<_>>())
        };
        let series = |result: &str| format!("CandidateDecisions(Result={result})");
        let line = |evaluated: u64, differs: u64, unknown: u64| {
            format!(
                r#"{{"event":"candidate_decisions","evaluated":{evaluated},"differs":{differs},"unknown":{unknown},"unlogged":0}}"#
            )
        };

        let all = [("differs", 20), ("same", 70), ("unknown", 10)];
        let all = all.map(|(result, count)| (series(result), count));
        assert_eq!(counts(&line(100, 20, 10)).unwrap(), all);
        assert_eq!(counts(&line(5, 0, 0)).unwrap(), [(series("same"), 5)]);
        let impossible = counts(&line(5, 3, 3));
        assert_eq!(impossible, Err(Reason::MoreThanEvaluated));
        let incomplete = line(5, 0, 0).replace("differs", "others");
        assert!(matches!(counts(&incomplete), Err(Reason::Shape(_))));
    }

    #[test]
    fn a_line_in_the_embedded_metric_format_is_skipped() {
        let line = include_str!("../tests/publishing/powertools.json");
        let mut sums = Aggregator::default();
        let mut thresholds = Thresholds::new(false);
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        let read = observe(line, window, None, &mut sums, &mut thresholds, 0);
        assert_eq!((read, sums.len()), (Ok(Observation::Skipped), 0));

        let other = r#"{"_aws":{"Timestamp":1},"message":"x"}"#;
        assert_eq!(observed(other), Err(Reason::UnknownLine));
    }

    #[test]
    fn a_number_that_is_not_json_costs_only_its_aggregate() {
        let line = include_str!("../../../crates/telemetry/tests/api_calls.json");
        let line = line.replacen("3.9", "NaN", 1);
        let mut sums = Aggregator::default();
        let mut thresholds = Thresholds::new(false);
        let window = Window::at(Timestamp::from_millisecond(1_795_348_830_000).unwrap());
        let read = observe(&line, window, None, &mut sums, &mut thresholds, 0);
        assert_eq!(
            read,
            Ok(Observation::CountedInPart(Reason::Number("values")))
        );
        assert!(!sums.is_empty());
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
