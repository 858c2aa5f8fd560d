//! Validates aggregated call records, and counts them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aggregate::Aggregator;
use crate::duration;
use crate::elements::for_each;
use crate::record::{CallFields, CallKind, MAX_RECORD_SERIES, parse_time};
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::time::Window;

/// The fields of an aggregate as received. Unknown fields are ignored, such as the end of the time.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct AggregateFields<'a> {
    #[serde(borrow, default)]
    service: Scalar<'a>,
    #[serde(borrow, default)]
    operation: Scalar<'a>,
    #[serde(borrow, default)]
    endpoint: Scalar<'a>,
    #[serde(borrow, default)]
    from_ms: Scalar<'a>,
    #[serde(borrow)]
    success: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error_type: Scalar<'a>,
    #[serde(borrow, default)]
    values: Vec<&'a RawValue>,
    #[serde(default)]
    counts: Vec<u32>,
    #[serde(borrow)]
    dimensions: Option<&'a RawValue>,
}

/// Counts a list of aggregates as the record with this number. `logged_ms` is the time of an
/// aggregate without one. Returns the first reason if some aggregates were omitted.
///
/// # Errors
/// [`Reason`] if no aggregate can be counted.
pub(crate) fn observe_all(
    json: &str,
    window: Window,
    logged_ms: Option<i64>,
    sums: &mut Aggregator,
    number: u32,
) -> Result<Option<Reason>, Reason> {
    let (mut is_counted, mut problem) = (false, None);
    let read = for_each(json, |_, aggregate: &RawValue| {
        match observe(aggregate.get(), window, logged_ms, sums, number) {
            Ok(()) => is_counted = true,
            Err(reason) => problem = problem.take().or(Some(reason)),
        }
    });
    read.map_err(|error| Reason::shape(&error))?;

    if is_counted {
        Ok(problem)
    } else {
        Err(problem.unwrap_or(Reason::Missing("api_calls")))
    }
}

fn observe(
    json: &str,
    window: Window,
    logged_ms: Option<i64>,
    sums: &mut Aggregator,
    number: u32,
) -> Result<(), Reason> {
    sums.check_room(MAX_RECORD_SERIES)?;
    let fields: AggregateFields<'_> =
        serde_json::from_str(json).map_err(|error| Reason::shape(&error))?;
    let kind = CallFields {
        service: &fields.service,
        operation: &fields.operation,
        success: fields.success,
        error_type: &fields.error_type,
        endpoint: &fields.endpoint,
        dimensions: fields.dimensions,
    };

    let kind = CallKind::read(&kind, || {
        window.minute(parse_time("from_ms", &fields.from_ms)?.or(logged_ms))
    })?;
    let durations = durations(&fields.values, &fields.counts)?;

    kind.observe(&durations, sums, number);
    Ok(())
}

/// Returns the durations in milliseconds, each with its number of calls.
fn durations(values: &[&RawValue], counts: &[u32]) -> Result<Vec<(f64, u64)>, Reason> {
    if values.is_empty() {
        return Err(Reason::Missing("values"));
    }
    if values.len() != counts.len() || counts.contains(&0) {
        return Err(Reason::Counts);
    }

    let pairs = values.iter().zip(counts);
    pairs
        .map(|(value, count)| Ok((duration::parse("values", value.get())?, u64::from(*count))))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NOON_MS: i64 = 1_795_348_800_000;

    /// Series with the count and sum of their values.
    type Counted = Vec<(String, u64, f64)>;

    fn observed(aggregates: &str) -> Result<(Counted, Option<Reason>), Reason> {
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(NOON_MS + 30_000).unwrap());
        let omitted = observe_all(aggregates, window, Some(NOON_MS), &mut sums, 0)?;
        let counted = sums.into_data().into_iter().map(|datum| {
            assert_eq!(datum.aggregate.records, [0]);
            let values = datum.aggregate.values;
            (datum.series.to_string(), values.count(), values.sum())
        });
        Ok((counted.collect(), omitted))
    }

    fn aggregate() -> Value {
        json!({"service": "dynamodb", "operation": "GetItem", "endpoint": "vpce",
               "from_ms": NOON_MS + 1, "to_ms": NOON_MS + 59_999, "success": true,
               "values": [1.5, 4], "counts": [10, 2]})
    }

    fn with(field: &str, value: Value) -> String {
        let mut aggregate = aggregate();
        aggregate[field] = value;
        json!([aggregate]).to_string()
    }

    fn without(field: &str) -> String {
        let mut aggregate = aggregate();
        aggregate.as_object_mut().unwrap().remove(field);
        json!([aggregate]).to_string()
    }

    #[test]
    fn every_call_of_an_aggregate_is_counted() {
        let series = |text: &str, count, sum| (text.to_owned(), count, sum);

        let (counted, omitted) = observed(&json!([aggregate()]).to_string()).unwrap();

        assert_eq!(omitted, None);
        assert_eq!(
            counted,
            [
                series(
                    "ApiCallDuration(Service=dynamodb, Operation=GetItem)",
                    12,
                    23.0
                ),
                series(
                    "ApiCallDuration(Service=dynamodb, Operation=GetItem, Endpoint=vpce)",
                    12,
                    23.0
                ),
                series(
                    "ApiCallCount(Service=dynamodb, Operation=GetItem, Status=Success)",
                    12,
                    12.0
                ),
            ]
        );
    }

    #[test]
    fn failed_calls_are_counted_by_kind() {
        let mut aggregate = aggregate();
        aggregate["success"] = false.into();
        aggregate["error_type"] = "throttling".into();

        let (counted, _) = observed(&json!([aggregate]).to_string()).unwrap();

        let errors = "ApiErrorCount(Service=dynamodb, ErrorType=throttling)";
        assert!(
            counted.contains(&(errors.to_owned(), 12, 12.0)),
            "{counted:?}"
        );
    }

    #[test]
    fn an_aggregate_counts_in_its_minute() {
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(NOON_MS + 600_000).unwrap());
        let text = json!([aggregate()]).to_string();

        observe_all(&text, window, Some(NOON_MS + 600_000), &mut sums, 0).unwrap();

        let minutes = sums.into_data().into_iter().map(|datum| datum.minute);
        assert!(minutes.into_iter().all(|minute| minute == NOON_MS / 1_000));
        let (counted, _) = observed(&without("from_ms")).unwrap();
        assert_eq!(counted.len(), 3, "the time of the line is used");
    }

    #[test]
    fn invalid_aggregates_are_rejected_with_their_reason() {
        for (text, reason) in [
            ("[]".to_owned(), Reason::Missing("api_calls")),
            (without("service"), Reason::Missing("service")),
            (without("operation"), Reason::Missing("operation")),
            (without("success"), Reason::Missing("success")),
            (without("values"), Reason::Missing("values")),
            (without("counts"), Reason::Counts),
            (with("counts", json!([1])), Reason::Counts),
            (with("counts", json!([1, 0])), Reason::Counts),
            (with("values", json!([-1, 2])), Reason::Negative("values")),
            (with("values", json!(["1", 2])), Reason::Number("values")),
            (
                with("values", json!([1, 900_001])),
                Reason::TooLong("values"),
            ),
            (with("endpoint", json!("lan")), Reason::Endpoint),
            (with("from_ms", json!("soon")), Reason::Time("from_ms")),
            (with("from_ms", json!(1)), Reason::TooOld),
            (
                with("dimensions", json!([])),
                Reason::Dimensions("not an object of strings, numbers or booleans".to_owned()),
            ),
            (with("success", json!("true")), Reason::Boolean("success")),
        ] {
            assert_eq!(observed(&text), Err(reason), "{text}");
        }
        for text in [
            "{}".to_owned(),
            "7".to_owned(),
            "[7]".to_owned(),
            with("counts", json!([1, -1])),
            with("counts", json!([1, 1.5])),
            with("counts", json!([1, 4_294_967_296_u64])),
        ] {
            assert!(matches!(observed(&text), Err(Reason::Shape(_))), "{text}");
        }
    }

    #[test]
    fn an_invalid_aggregate_does_not_cost_its_neighbours() {
        let mut invalid = aggregate();
        invalid["endpoint"] = "lan".into();

        let text = json!([aggregate(), invalid, aggregate()]).to_string();
        let (counted, omitted) = observed(&text).unwrap();

        assert_eq!(omitted, Some(Reason::Endpoint));
        assert!(counted.iter().all(|(_, count, _)| *count == 24));
    }

    #[test]
    fn a_line_of_the_record_log_is_counted_exactly() {
        let written = testing::LogBuffer::default();
        let records = telemetry::RecordLog::to(written.clone()).aggregated();
        for _ in 0..1_500 {
            records.begin("dynamodb", "GetItem").finish(Ok(()));
        }
        records.flush();

        let mut calls = 0;
        for line in written.json_lines() {
            let mut sums = Aggregator::default();
            let list = line["api_calls"].to_string();
            let omitted = observe_all(&list, Window::at(Timestamp::now()), None, &mut sums, 0);
            assert_eq!(omitted, Ok(None));
            let counts = sums.iter().map(|(series, aggregate)| {
                let is_count = series.metric == crate::series::Metric::CallCount;
                u64::from(is_count) * aggregate.values.count()
            });
            calls += counts.sum::<u64>();
        }
        assert_eq!(calls, 1_500);
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in any::<String>(), value in any::<f64>(), count in any::<u32>()) {
            let _ = observed(&text);
            let _ = observed(&with("values", json!([value, value])));
            let _ = observed(&with("counts", json!([count, u32::MAX])));
            let _ = observed(&with("from_ms", json!(text)));
        }
    }
}
