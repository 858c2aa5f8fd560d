//! The metrics of calls to other services, from the lines of the record log.

use std::time::Duration;

use serde::Deserialize;
use telemetry::{CallRecord, ErrorKind};

use super::definition as families;
use super::series::{Counters, Histograms};
use super::snapshot::FamilySnapshot;

/// The metrics of calls.
#[derive(Debug)]
pub(super) struct Calls {
    durations: Histograms,
    counts: Counters,
    errors: Counters,
}

/// A call, with its duration.
#[derive(Debug)]
pub(super) struct Call {
    record: CallRecord,
    duration: Duration,
}

/// A line with one call record. The local gateway writes one line per call.
#[derive(Deserialize)]
struct Line {
    api_call: CallRecord,
}

impl Call {
    /// Reads a line. Returns `None` for another format and for an impossible duration.
    pub(super) fn read(line: &str) -> Option<Self> {
        let Line { api_call: record } = serde_json::from_str(line).ok()?;
        let duration = Duration::try_from_secs_f64(record.duration_ms / 1e3).ok()?;
        Some(Self { record, duration })
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            durations: Histograms::new(&families::API_CALL_DURATION),
            counts: Counters::new(&families::API_CALLS),
            errors: Counters::new(&families::API_ERRORS),
        }
    }
}

impl Calls {
    /// Counts a call.
    pub(super) fn count(
        &mut self,
        Call {
            record: call,
            duration,
        }: &Call,
    ) {
        let (service, operation) = (&*call.service, &*call.operation);
        let status = if call.success { "success" } else { "error" };

        let endpoint = call.endpoint.as_str();
        self.durations
            .at([service, operation, endpoint])
            .record(*duration, None);
        *self.counts.at([service, operation, status]) += 1;
        if !call.success {
            let error_type = call.error_type.unwrap_or(ErrorKind::Unknown);
            *self.errors.at([service, error_type.as_str()]) += 1;
        }
    }

    /// Returns a copy of the families.
    pub(super) fn copy(&self) -> [FamilySnapshot; 3] {
        [
            (&self.durations).into(),
            (&self.counts).into(),
            (&self.errors).into(),
        ]
    }

    /// Returns the number of series that are counted in other series.
    pub(super) fn overflowed(&self) -> usize {
        self.durations.overflowed() + self.counts.overflowed() + self.errors.overflowed()
    }
}
