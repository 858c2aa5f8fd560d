//! Call records that wait in memory, aggregated per minute and kind of call.

use std::borrow::Cow;
use std::mem;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::call_record::{CallRecord, EndpointKind};
use crate::error_kind::ErrorKind;
use crate::milliseconds;

const MINUTE_MS: u64 = 60_000;
/// The maximum number of aggregates in a line. A function has about ten kinds of calls.
const MAX_AGGREGATES: usize = 100;
/// The maximum number of different durations in a line. Together, both limit a line to about 50 KB.
/// CloudWatch Logs accepts 256 KB.
const MAX_DURATIONS: usize = 1_000;

/// Aggregated calls, which are written as one line of the log.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct CallAggregates {
    api_calls: Vec<CallAggregate>,
}

/// The calls of one kind that began in the same minute.
#[derive(Debug, PartialEq, Serialize)]
struct CallAggregate {
    service: Cow<'static, str>,
    operation: Cow<'static, str>,
    endpoint: EndpointKind,
    /// The start of the first call, in milliseconds since the Unix epoch.
    from_ms: u64,
    /// The start of the last call, in milliseconds since the Unix epoch.
    to_ms: u64,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<ErrorKind>,
    /// The different durations in microseconds, in ascending order.
    #[serde(rename = "values", serialize_with = "in_milliseconds")]
    durations_us: Vec<u64>,
    /// The number of calls with each duration.
    counts: Vec<u32>,
}

impl CallAggregates {
    /// Adds a call. If the line is full, returns it, and starts a new one with this call.
    pub(crate) fn add(&mut self, record: CallRecord) -> Option<Self> {
        let duration_us = microseconds(record.duration_ms);
        let full = (!self.has_room_for(&record, duration_us)).then(|| mem::take(self));

        match self.find(&record) {
            Some(index) => self.api_calls[index].add(record.timestamp, duration_us),
            None => self.api_calls.push(CallAggregate::new(record, duration_us)),
        }
        full
    }

    /// True if a call began in a minute that has ended at `now`.
    pub(crate) fn has_ended_minute(&self, now: SystemTime) -> bool {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let minute = since_epoch.as_secs() / 60;

        self.api_calls
            .iter()
            .any(|aggregate| aggregate.minute() < minute)
    }

    /// True if there are no calls.
    pub(crate) const fn is_empty(&self) -> bool {
        self.api_calls.is_empty()
    }

    fn has_room_for(&self, record: &CallRecord, duration_us: u64) -> bool {
        let has_room_for_duration = || {
            let lengths = self.api_calls.iter().map(|it| it.durations_us.len());
            lengths.sum::<usize>() < MAX_DURATIONS
        };

        match self.find(record) {
            Some(index) => self.api_calls[index].has(duration_us) || has_room_for_duration(),
            None => self.api_calls.len() < MAX_AGGREGATES && has_room_for_duration(),
        }
    }

    fn find(&self, record: &CallRecord) -> Option<usize> {
        self.api_calls
            .iter()
            .position(|aggregate| aggregate.is_of_kind(record))
    }
}

impl CallAggregate {
    fn new(record: CallRecord, duration_us: u64) -> Self {
        Self {
            service: record.service,
            operation: record.operation,
            endpoint: record.endpoint,
            from_ms: record.timestamp,
            to_ms: record.timestamp,
            success: record.success,
            error_type: record.error_type,
            durations_us: vec![duration_us],
            counts: vec![1],
        }
    }

    /// Returns the minute of all calls, in minutes since the Unix epoch.
    const fn minute(&self) -> u64 {
        self.from_ms / MINUTE_MS
    }

    fn is_of_kind(&self, record: &CallRecord) -> bool {
        self.minute() == record.timestamp / MINUTE_MS
            && self.operation == record.operation
            && self.service == record.service
            && self.endpoint == record.endpoint
            && self.success == record.success
            && self.error_type == record.error_type
    }

    fn has(&self, duration_us: u64) -> bool {
        self.durations_us.binary_search(&duration_us).is_ok()
    }

    fn add(&mut self, started_ms: u64, duration_us: u64) {
        self.from_ms = self.from_ms.min(started_ms);
        self.to_ms = self.to_ms.max(started_ms);

        match self.durations_us.binary_search(&duration_us) {
            Ok(index) => self.counts[index] += 1,
            Err(index) => {
                self.durations_us.insert(index, duration_us);
                self.counts.insert(index, 1);
            }
        }
    }
}

/// Returns the duration in microseconds. Durations of call records are rounded to them already.
fn microseconds(duration_ms: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(duration_ms / 1e3).unwrap_or_default();
    u64::try_from((duration.as_nanos() + 500) / 1_000).unwrap_or(u64::MAX)
}

fn in_milliseconds<S: Serializer>(durations_us: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        durations_us
            .iter()
            .map(|us| milliseconds(Duration::from_micros(*us))),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// 12:00:00 UTC.
    const NOON_MS: u64 = 1_795_348_800_000;

    fn call(operation: &'static str, started_ms: u64, duration_ms: f64) -> CallRecord {
        CallRecord {
            service: "dynamodb".into(),
            operation: operation.into(),
            duration_ms,
            success: true,
            error_type: None,
            timestamp: started_ms,
            endpoint: EndpointKind::Public,
            attempts: 1,
        }
    }

    fn aggregates(calls: impl IntoIterator<Item = CallRecord>) -> CallAggregates {
        let mut aggregates = CallAggregates::default();
        for call in calls {
            assert_eq!(aggregates.add(call), None);
        }
        aggregates
    }

    fn lists(line: &CallAggregates) -> Vec<Value> {
        let line = serde_json::to_value(line).unwrap();
        line["api_calls"].as_array().unwrap().clone()
    }

    /// Returns the number of calls in a line.
    fn count(line: &CallAggregates) -> u64 {
        let counts = line
            .api_calls
            .iter()
            .flat_map(|aggregate| &aggregate.counts);
        counts.copied().map(u64::from).sum()
    }

    #[test]
    fn calls_of_one_kind_are_one_aggregate() {
        let calls = [
            call("UpdateItem", NOON_MS + 900, 4.127),
            call("UpdateItem", NOON_MS + 100, 3.9),
            call("UpdateItem", NOON_MS + 59_999, 4.127),
            CallRecord {
                success: false,
                error_type: Some(ErrorKind::Timeout),
                ..call("UpdateItem", NOON_MS + 1_000, 500.0)
            },
        ];

        assert_eq!(
            serde_json::to_string(&aggregates(calls)).unwrap(),
            include_str!("../tests/api_calls.json").trim_end()
        );
    }

    #[test]
    fn other_minutes_names_endpoints_and_outcomes_are_other_aggregates() {
        let first = || call("UpdateItem", NOON_MS, 1.0);
        let failed = |error_type| CallRecord {
            success: false,
            error_type: Some(error_type),
            ..first()
        };
        let service = CallRecord {
            service: "jwks".into(),
            ..first()
        };
        let endpoint = CallRecord {
            endpoint: EndpointKind::Vpce,
            ..first()
        };
        let calls = [
            first(),
            call("GetItem", NOON_MS, 1.0),
            call("UpdateItem", NOON_MS + MINUTE_MS, 1.0),
            service,
            endpoint,
            failed(ErrorKind::Timeout),
            failed(ErrorKind::Throttling),
            first(),
        ];

        let found = lists(&aggregates(calls));

        assert_eq!(found.len(), 7);
        assert_eq!(found[0]["counts"], json!([2]));
        assert_eq!(found[5]["error_type"], "timeout");
        assert_eq!(found[6]["success"], false);
    }

    #[test]
    fn minute_ends_with_the_clock() {
        let line = aggregates([call("GetItem", NOON_MS + 59_000, 5_000.0)]);
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);

        assert!(!line.has_ended_minute(at(NOON_MS + 59_999)));
        assert!(line.has_ended_minute(at(NOON_MS + MINUTE_MS)));
        assert!(!CallAggregates::default().has_ended_minute(at(NOON_MS)));
    }

    #[test]
    fn a_line_is_at_most_50_kb_long() {
        let names: Vec<String> = (0..MAX_AGGREGATES)
            .map(|nth| format!("{nth:0>64}"))
            .collect();
        let mut line = CallAggregates::default();
        let mut full = Vec::new();
        for nth in 0..5_000_u32 {
            let name = names[nth as usize % names.len()].clone();
            let call = call("", NOON_MS, 899_000.0 + f64::from(nth) / 1e3);
            let call = CallRecord {
                operation: name.into(),
                ..call
            };
            full.extend(line.add(call));
        }

        assert_eq!(full.len(), 4);
        for line in &full {
            assert_eq!(count(line), 1_000);
            assert!(serde_json::to_string(line).unwrap().len() < 50_000);
        }
    }

    #[test]
    fn a_line_has_at_most_100_aggregates() {
        let mut line = CallAggregates::default();
        for nth in 0..MAX_AGGREGATES as u64 {
            assert_eq!(
                line.add(call("GetItem", NOON_MS + nth * MINUTE_MS, 1.0)),
                None
            );
        }

        let full = line.add(call("PutItem", NOON_MS, 1.0)).unwrap();

        assert_eq!((full.api_calls.len(), line.api_calls.len()), (100, 1));
    }

    proptest! {
        #[test]
        fn every_call_is_in_one_line_with_its_exact_duration(
            calls in prop::collection::vec((0_u64..3, 0_u64..900_000_000), 0..1_500),
        ) {
            let mut line = CallAggregates::default();
            let mut lines = Vec::new();
            for (minute, duration_us) in &calls {
                let started_ms = NOON_MS + minute * MINUTE_MS;
                let duration = Duration::from_micros(*duration_us);
                let call = call("GetItem", started_ms, milliseconds(duration));
                lines.extend(line.add(call));
            }
            lines.push(line);

            prop_assert_eq!(lines.iter().map(count).sum::<u64>(), calls.len() as u64);
            let mut expected: Vec<_> = calls.iter().map(|(_, duration)| *duration).collect();
            let mut found: Vec<_> = lines
                .iter()
                .flat_map(|line| &line.api_calls)
                .flat_map(|aggregate| aggregate.durations_us.iter().zip(&aggregate.counts))
                .flat_map(|(duration, count)| vec![*duration; *count as usize])
                .collect();
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
