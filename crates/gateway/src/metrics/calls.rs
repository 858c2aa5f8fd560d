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

/// A line with one call record. The local gateway writes one line per call.
#[derive(Deserialize)]
struct Line {
    api_call: CallRecord,
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
    /// Counts the call of a line. Returns false for a line of another format.
    pub(super) fn count_line(&mut self, line: &str) -> bool {
        let Ok(Line { api_call: call }) = serde_json::from_str(line) else {
            return false;
        };
        let Ok(duration) = Duration::try_from_secs_f64(call.duration_ms / 1e3) else {
            return false;
        };

        self.count(&call, duration);
        true
    }

    fn count(&mut self, call: &CallRecord, duration: Duration) {
        let (service, operation) = (&*call.service, &*call.operation);
        let status = if call.success { "success" } else { "error" };

        let endpoint = call.endpoint.as_str();
        self.durations
            .at([service, operation, endpoint])
            .record(duration, None);
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
