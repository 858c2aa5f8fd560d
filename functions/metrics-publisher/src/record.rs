//! Validates a call record, and counts it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::{EndpointKind, ErrorKind, Excerpt};

use crate::aggregate::Aggregator;
use crate::duration;
use crate::name::dimension_value;
use crate::own_dimensions::OwnDimensions;
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, Series};
use crate::time::{Window, parse_ms};

/// The maximum number of series that a record adds to.
pub(crate) const MAX_RECORD_SERIES: usize = 7;

/// The fields of a record as received. Unknown fields are ignored: [`telemetry::CallRecord`] has
/// more fields.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct RecordFields<'a> {
    #[serde(borrow, default)]
    service: Scalar<'a>,
    #[serde(borrow, default)]
    operation: Scalar<'a>,
    #[serde(borrow)]
    duration_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    success: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error_type: Scalar<'a>,
    #[serde(borrow, default)]
    timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    endpoint: Scalar<'a>,
    #[serde(borrow)]
    dimensions: Option<&'a RawValue>,
}

/// A valid record of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Record<'a> {
    kind: CallKind<'a>,
    duration_ms: f64,
}

/// The properties of a call that decide which series it counts in.
#[derive(Debug, PartialEq)]
pub(crate) struct CallKind<'a> {
    service: Cow<'a, str>,
    operation: Cow<'a, str>,
    failed: Option<FailureKind>,
    endpoint: Option<EndpointKind>,
    own: Option<OwnDimensions>,
    minute: i64,
}

/// The kind of a failed call.
#[derive(Debug, PartialEq)]
struct FailureKind {
    kind: ErrorKind,
    /// The error type that the sender gave, if it is none of the known ones.
    unknown_type: Option<String>,
}

/// The fields of a call's kind as received.
pub(crate) struct CallFields<'f, 'a> {
    pub(crate) service: &'f Scalar<'a>,
    pub(crate) operation: &'f Scalar<'a>,
    pub(crate) success: Option<&'a RawValue>,
    pub(crate) error_type: &'f Scalar<'a>,
    pub(crate) endpoint: &'f Scalar<'a>,
    pub(crate) dimensions: Option<&'a RawValue>,
}

impl Record<'_> {
    /// Parses a record, and passes it to `then`. `arrived_ms` is the time if the record has none.
    ///
    /// # Errors
    /// [`Reason`] if the record is invalid.
    pub(crate) fn read<T>(
        json: &str,
        window: Window,
        arrived_ms: Option<i64>,
        then: impl FnOnce(Record<'_>) -> T,
    ) -> Result<T, Reason> {
        let fields: RecordFields<'_> =
            serde_json::from_str(json).map_err(|error| Reason::shape(&error))?;
        let kind = CallFields {
            service: &fields.service,
            operation: &fields.operation,
            success: fields.success,
            error_type: &fields.error_type,
            endpoint: &fields.endpoint,
            dimensions: fields.dimensions,
        };
        let duration_ms = read_duration(fields.duration_ms);
        let minute = || window.minute(parse_time("timestamp", &fields.timestamp)?.or(arrived_ms));

        Ok(then(Record {
            kind: CallKind::read(&kind, minute)?,
            duration_ms: duration_ms?,
        }))
    }

    /// Counts the call, see [`CallKind::observe`].
    pub(crate) fn observe(&self, sums: &mut Aggregator, number: u32) {
        self.kind.observe(&[(self.duration_ms, 1)], sums, number);
    }
}

impl<'a> CallKind<'a> {
    /// Checks the fields. `minute` is the start of the minute that the call counts in.
    ///
    /// # Errors
    /// [`Reason`] if a field is invalid, or the error of `minute`.
    pub(crate) fn read(
        fields: &CallFields<'_, 'a>,
        minute: impl FnOnce() -> Result<i64, Reason>,
    ) -> Result<Self, Reason> {
        let name = |field: &'static str, value: &Scalar<'_>| {
            let name = value.get().and_then(dimension_value);
            name.map(|name| name.into_owned().into())
                .ok_or(Reason::Missing(field))
        };

        Ok(Self {
            service: name("service", fields.service)?,
            operation: name("operation", fields.operation)?,
            failed: failed(fields.success, fields.error_type)?,
            endpoint: endpoint(fields.endpoint)?,
            own: own_dimensions(fields.dimensions)?,
            minute: minute()?,
        })
    }

    /// Counts calls, given as durations in milliseconds and numbers of calls: their durations, per
    /// endpoint and in total, their success, and the kind of failure. If the sender has dimensions
    /// of its own, all but the endpoint count by these once more.
    pub(crate) fn observe(&self, durations: &[(f64, u64)], sums: &mut Aggregator, number: u32) {
        let (service, operation) = (self.service.as_ref(), self.operation.as_ref());
        let calls = durations.iter().map(|(_, count)| count).sum();

        let total = Series::new(Metric::CallDuration, [service, operation]);
        let by_endpoint = self.endpoint.map(|endpoint| {
            let values = [service, operation, endpoint.as_str()];
            Series::new(Metric::CallDurationByEndpoint, values)
        });
        for series in [Some(total), by_endpoint].into_iter().flatten() {
            for (duration_ms, count) in durations {
                sums.add(self.minute, series, *duration_ms, *count, number);
            }
        }

        let count = Series::new(Metric::CallCount, [service, operation, self.status()]);
        sums.add(self.minute, count, 1.0, calls, number);
        if let Some(failure) = &self.failed {
            let errors = Series::new(Metric::CallErrors, [service, failure.kind.as_str()]);
            sums.add(self.minute, errors, 1.0, calls, number);
            if let Some(unknown) = &failure.unknown_type {
                sums.note_unknown_error_type(unknown, calls);
            }
        }
        if let Some(own) = &self.own {
            self.observe_by(own.as_str(), durations, sums, number);
        }
    }

    /// Counts calls by dimensions of the sender's own.
    fn observe_by(&self, own: &str, durations: &[(f64, u64)], sums: &mut Aggregator, number: u32) {
        let (service, operation) = (self.service.as_ref(), self.operation.as_ref());
        let calls = durations.iter().map(|(_, count)| count).sum();

        let total = Series::new(Metric::CallDurationByDimensions, [own, service, operation]);
        for (duration_ms, count) in durations {
            sums.add(self.minute, total, *duration_ms, *count, number);
        }
        let count = Series::new(
            Metric::CallCountByDimensions,
            [own, service, operation, self.status()],
        );
        sums.add(self.minute, count, 1.0, calls, number);
        if let Some(failure) = &self.failed {
            let errors = Series::new(
                Metric::CallErrorsByDimensions,
                [own, service, failure.kind.as_str()],
            );
            sums.add(self.minute, errors, 1.0, calls, number);
        }
    }

    const fn status(&self) -> &'static str {
        if self.failed.is_none() {
            "Success"
        } else {
            "Error"
        }
    }
}

fn own_dimensions(json: Option<&RawValue>) -> Result<Option<OwnDimensions>, Reason> {
    match json.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(json) => OwnDimensions::read(json),
    }
}

fn read_duration(json: Option<&RawValue>) -> Result<f64, Reason> {
    const NAME: &str = "duration_ms";
    let text = json
        .map(RawValue::get)
        .filter(|text| *text != "null")
        .ok_or(Reason::Missing(NAME))?;

    // A string keeps its quotes here, so it is not a number.
    duration::parse(NAME, text)
}

fn failed(success: Option<&RawValue>, kind: &Scalar<'_>) -> Result<Option<FailureKind>, Reason> {
    const NAME: &str = "success";
    match success.map(RawValue::get) {
        None | Some("null") => return Err(Reason::Missing(NAME)),
        Some("true") => return Ok(None),
        Some("false") => {}
        Some(_) => return Err(Reason::Boolean(NAME)),
    }

    let known = kind.get().and_then(error_kind);
    let unknown_type = kind.get().filter(|_| known.is_none());
    Ok(Some(FailureKind {
        kind: known.unwrap_or(ErrorKind::Unknown),
        unknown_type: unknown_type.map(|text| Excerpt(text).to_string()),
    }))
}

/// Returns the kind of this name, or `None` if there is none.
fn error_kind(name: &str) -> Option<ErrorKind> {
    ErrorKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
}

fn endpoint(text: &Scalar<'_>) -> Result<Option<EndpointKind>, Reason> {
    match text.get() {
        None => Ok(None),
        Some("vpce") => Ok(Some(EndpointKind::Vpce)),
        Some("public") => Ok(Some(EndpointKind::Public)),
        Some(_) => Err(Reason::Endpoint),
    }
}

/// Parses the time in a field. Returns `None` if it is missing.
pub(crate) fn parse_time(field: &'static str, text: &Scalar<'_>) -> Result<Option<i64>, Reason> {
    text.get()
        .map(|text| parse_ms(text).ok_or(Reason::Time(field)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    const NOW_MS: i64 = 1_795_348_830_000;

    /// Series and values that a record adds to.
    fn observed(json: &str) -> Result<Vec<(String, f64)>, Reason> {
        let mut sums = Aggregator::default();
        let window = Window::at(Timestamp::from_millisecond(NOW_MS).unwrap());
        Record::read(json, window, None, |record| record.observe(&mut sums, 0))?;
        let told = |series: &Series| {
            let values = series
                .dimensions()
                .map(|(_, value)| value.to_owned())
                .collect::<Vec<_>>();
            format!("{} {}", series.metric.name(), values.join(" "))
        };
        Ok(sums
            .into_data()
            .iter()
            .map(|datum| {
                (
                    told(&datum.series),
                    datum.aggregate.values.values().next().unwrap().0,
                )
            })
            .collect())
    }

    fn with(member: &str, value: &str) -> String {
        let fields = [
            ("service", r#""billing""#),
            ("operation", r#""Charge""#),
            ("duration_ms", "12.5"),
            ("success", "false"),
            ("error_type", r#""timeout""#),
            ("timestamp", "1795348800000"),
        ];
        let mut fields: Vec<_> = fields
            .into_iter()
            .filter(|(name, _)| *name != member)
            .collect();
        if !value.is_empty() {
            fields.push((member, value));
        }
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!(r#""{name}":{value}"#))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    fn names(json: &str) -> Vec<String> {
        observed(json)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_failed_call_is_three_metrics_and_a_successful_one_two() {
        let failed = observed(&with("", "")).unwrap();
        assert_eq!(
            failed,
            [
                ("ApiCallDuration billing Charge".to_owned(), 12.5),
                ("ApiCallCount billing Charge Error".to_owned(), 1.0),
                ("ApiErrorCount billing timeout".to_owned(), 1.0)
            ]
        );
        assert_eq!(
            names(&with("success", "true")),
            [
                "ApiCallDuration billing Charge",
                "ApiCallCount billing Charge Success"
            ]
        );
    }

    #[test]
    fn the_way_is_a_dimension_beside_the_roll_up_and_an_empty_one_is_none() {
        let told = names(&with("endpoint", r#""vpce""#));
        assert_eq!(
            told[..2],
            [
                "ApiCallDuration billing Charge",
                "ApiCallDuration billing Charge vpce"
            ]
        );
        for none in [r#""""#, "null", r#""-""#] {
            assert_eq!(names(&with("endpoint", none)).len(), 3, "{none}");
        }
        assert_eq!(
            observed(&with("endpoint", r#""lan""#)),
            Err(Reason::Endpoint)
        );
    }

    #[test]
    fn a_name_that_is_missing_empty_or_all_space_is_rejected() {
        for member in ["service", "operation"] {
            for value in ["", r#""""#, r#""  ""#, r#""\t""#, "null", r#""-""#] {
                assert_eq!(
                    observed(&with(member, value)),
                    Err(Reason::Missing(member)),
                    "{member} {value}"
                );
            }
        }
        assert!(matches!(
            observed(&with("service", "[]")),
            Err(Reason::Shape(_))
        ));
    }

    #[test]
    fn impossible_durations_are_rejected() {
        for value in [r#""NaN""#, r#""12""#, "true", "[1]"] {
            assert_eq!(
                observed(&with("duration_ms", value)),
                Err(Reason::Number("duration_ms")),
                "{value}"
            );
        }
        for value in ["900000.5", "7200000", "1e100", "1e200", "1e999"] {
            assert_eq!(
                observed(&with("duration_ms", value)),
                Err(Reason::TooLong("duration_ms")),
                "{value}"
            );
        }
        assert!(observed(&with("duration_ms", "900000")).is_ok());
        assert_eq!(
            observed(&with("duration_ms", "-1e999")),
            Err(Reason::Negative("duration_ms"))
        );
        for value in ["NaN", "Infinity", "-"] {
            assert!(
                matches!(observed(&with("duration_ms", value)), Err(Reason::Shape(_))),
                "{value}"
            );
        }
        assert_eq!(
            observed(&with("duration_ms", "-0.1")),
            Err(Reason::Negative("duration_ms"))
        );
        assert_eq!(
            observed(&with("duration_ms", "")),
            Err(Reason::Missing("duration_ms"))
        );
    }

    #[test]
    fn zero_is_a_duration_and_has_no_sign() {
        for value in ["0", "-0.0", "0e5"] {
            assert!(
                observed(&with("duration_ms", value)).unwrap()[0]
                    .1
                    .to_bits()
                    == 0,
                "{value}"
            );
        }
        assert_eq!(observed(&with("duration_ms", "0.37")).unwrap()[0].1, 0.37);
    }

    #[test]
    fn a_kind_of_failure_that_is_missing_or_not_known_is_unknown() {
        for value in ["", "null", r#""dns""#, r#""TIMEOUT""#] {
            assert_eq!(
                names(&with("error_type", value))[2],
                "ApiErrorCount billing unknown",
                "{value}"
            );
        }
        assert_eq!(
            observed(&with("success", "")),
            Err(Reason::Missing("success"))
        );
    }

    #[test]
    fn unknown_kinds_of_failures_are_noted_with_the_first_one_in_short() {
        let mut sums = Aggregator::default();
        let long = format!("\"{}\"", "x".repeat(70_000));
        for kind in [&long, r#""dns""#, r#""timeout""#, "null"] {
            let json = with("error_type", kind);
            let window = Window::at(Timestamp::from_millisecond(NOW_MS).unwrap());
            Record::read(&json, window, None, |record| record.observe(&mut sums, 0)).unwrap();
        }

        let noted = sums.unknown_error_types();
        assert_eq!(noted.calls, 2);
        let first = noted.first.as_deref().unwrap();
        assert!(first.ends_with("x… (70000 bytes)") && first.len() < 600);
    }

    #[test]
    fn every_kind_of_failure_has_its_series() {
        for kind in ErrorKind::ALL {
            let name = kind.as_str();
            assert_eq!(
                names(&with("error_type", &format!("\"{name}\"")))[2],
                format!("ApiErrorCount billing {name}")
            );
        }
    }

    #[test]
    fn a_reason_never_repeats_a_long_text_in_full() {
        let long = "x".repeat(70_000);
        for json in [format!("{{\"{long}\":"), format!("\"{long}\"")] {
            let reason = observed(&json).unwrap_err().to_string();
            assert!(
                reason.starts_with("not a record: ") && reason.len() < 600,
                "{} bytes",
                reason.len()
            );
        }
    }

    #[test]
    fn names_beyond_ascii_stay_apart_and_a_leading_colon_is_written_out() {
        let service = |name: &str| names(&with("service", name)).remove(0);
        assert_ne!(service(r#""café-注文""#), service(r#""café-注""#));
        assert_eq!(service(r#"":a""#), "ApiCallDuration %3Aa Charge");
    }

    #[test]
    fn dimensions_of_the_sender_add_series_and_change_none() {
        let plain = names(&with("", ""));
        let given = names(&with("dimensions", r#"{"zone":"b","tenant":"acme"}"#));
        assert_eq!(given.len(), 2 * plain.len());
        let own: Vec<_> = given.iter().filter(|name| !plain.contains(name)).collect();
        assert_eq!(
            own,
            [
                "ApiCallDuration acme b billing Charge",
                "ApiCallCount acme b billing Charge Error",
                "ApiErrorCount acme b billing timeout",
            ]
        );
        for none in ["{}", "null"] {
            assert_eq!(names(&with("dimensions", none)), plain, "{none}");
        }
    }

    #[test]
    fn a_record_with_invalid_dimensions_is_rejected() {
        let four = r#"{"a":"1","b":"2","c":"3","d":"4"}"#;
        let reason = observed(&with("dimensions", four)).unwrap_err();
        assert_eq!(reason.to_string(), "`dimensions`: more than 3");
    }

    #[test]
    fn values_as_text_are_rejected_with_their_field() {
        for (field, value, reason) in [
            ("duration_ms", r#""12.5""#, Reason::Number("duration_ms")),
            ("success", r#""true""#, Reason::Boolean("success")),
            ("success", "1", Reason::Boolean("success")),
            (
                "timestamp",
                r#""2026-11-22T12:00:00""#,
                Reason::Time("timestamp"),
            ),
        ] {
            assert_eq!(observed(&with(field, value)), Err(reason), "{field}");
        }
        assert_eq!(
            Reason::Time("timestamp").to_string(),
            "`timestamp` is not a time: expected seconds or milliseconds since 1970, \
             or RFC 3339 with a time zone"
        );
    }

    #[test]
    fn a_time_may_be_missing_and_must_be_one_where_it_is_not() {
        assert!(
            observed(&with("timestamp", "")).is_ok()
                && observed(&with("timestamp", "null")).is_ok()
        );
        assert!(observed(&with("timestamp", r#""2026-11-22T12:00:00Z""#)).is_ok());
        assert_eq!(
            observed(&with("timestamp", r#""soon""#)),
            Err(Reason::Time("timestamp"))
        );
        assert_eq!(
            observed(&with("timestamp", "1794048800")),
            Err(Reason::TooOld)
        );
        assert_eq!(
            observed(&with("timestamp", "1795448800000")),
            Err(Reason::TooNew)
        );
    }

    #[test]
    fn what_the_calls_package_writes_is_understood() {
        let record = telemetry::CallRecord {
            service: "dynamodb".into(),
            operation: "UpdateItem".into(),
            duration_ms: 0.37,
            success: false,
            error_type: Some(ErrorKind::Throttling),
            timestamp: 1_795_348_800_000,
            endpoint: EndpointKind::Public,
            attempts: 2,
        };
        let told = names(&serde_json::to_string(&record).unwrap());
        assert_eq!(told.len(), 4, "three by the call, one by the endpoint");
        assert_eq!(told[3], "ApiErrorCount dynamodb throttling");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), value in any::<String>()) {
            let _ = observed(&text);
            let _ = observed(&with("service", &serde_json::to_string(&value).unwrap()));
            let _ = observed(&with("duration_ms", &value));
            let _ = observed(&with("timestamp", &serde_json::to_string(&value).unwrap()));
        }
    }
}
