//! Call records: one line a call, `{"api_call":R}`, which metrics-publisher turns into metrics.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use serde::{Deserialize, Serialize};

use crate::error_kind::ErrorKind;
use crate::request_scope::RequestScope;

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// To the address of a VPC endpoint.
    Vpce,
    /// To the service's public address, or whatever stands in for it (`AWS_ENDPOINT_URL`).
    Public,
}

impl EndpointKind {
    /// Returns the kind's name in call records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vpce => "vpce",
            Self::Public => "public",
        }
    }
}

/// One call, as it is logged. All attempts and pauses of a call are one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The called service, by the name of its endpoint: `dynamodb`, `monitoring`, `jwks` …
    pub service: Cow<'static, str>,
    /// The operation: `UpdateItem`, `PutMetricData` …
    pub operation: Cow<'static, str>,
    /// How long it took, in milliseconds, pauses included.
    pub duration_ms: f64,
    /// Whether an answer came that is not an error. A condition that did not hold is an answer.
    pub success: bool,
    /// The kind of failure; absent on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<ErrorKind>,
    /// When it began, in milliseconds since the epoch.
    pub timestamp: u64,
    /// Which way the last attempt went.
    pub endpoint: EndpointKind,
    /// How many attempts were made; 0 if it failed before the first.
    pub attempts: u32,
}

/// The destination of call records. Each record is one line, written whole at once, and the records
/// of one request share its `request_id`. They bypass tracing, whose JSON layer cannot write nested
/// JSON.
#[derive(Clone)]
pub struct RecordLog(Arc<Mutex<dyn Write + Send>>);

#[derive(Serialize)]
struct Line<'a> {
    api_call: &'a CallRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

impl RecordLog {
    /// To standard output, which Lambda forwards to CloudWatch Logs line by line.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// To any writer.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes one record, with the ids of the request that is being served. A writer that fails
    /// loses the record, not the call.
    pub fn write(&self, record: &CallRecord) {
        let scope = RequestScope::current();
        let line = Line {
            api_call: record,
            request_id: scope.request_id.as_ref().map(|id| id.as_str()),
            trace_id: scope.traceparent.as_ref().map(|parent| parent.trace_id()),
        };
        self.line(&line);
    }

    /// Writes anything else that metrics are made from as one line of JSON, such as CloudWatch's
    /// embedded metric format. A writer that fails loses the line.
    pub fn line(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_vec(line) else {
            return;
        };
        text.push(b'\n');
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.write_all(&text).and_then(|()| writer.flush()) {
            tracing::warn!(%error, "a line for metrics could not be written");
        }
    }

    /// Begins the record of a call: the hook for calls that are not AWS's.
    pub fn begin(
        &self,
        service: &'static str,
        operation: impl Into<Cow<'static, str>>,
    ) -> OpenRecord {
        OpenRecord {
            log: self.clone(),
            service,
            operation: operation.into(),
            began: Instant::now(),
            wall: SystemTime::now(),
            attempts: 0,
            endpoint: EndpointKind::Public,
            written: false,
        }
    }
}

impl fmt::Debug for RecordLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecordLog")
    }
}

/// The record of a call under way. Dropped unfinished (its caller gave up waiting) it is written as
/// a time-out.
#[derive(Debug)]
#[must_use = "a record is finished with the call's end"]
pub struct OpenRecord {
    log: RecordLog,
    service: &'static str,
    operation: Cow<'static, str>,
    began: Instant,
    wall: SystemTime,
    attempts: u32,
    endpoint: EndpointKind,
    written: bool,
}

impl OpenRecord {
    /// Counts an attempt that begins.
    pub fn begin_attempt(&mut self) {
        self.attempts += 1;
    }

    /// Sets the endpoint that the attempt calls.
    pub fn set_endpoint(&mut self, endpoint: EndpointKind) {
        self.endpoint = endpoint;
    }

    /// Sets the operation if it was unknown at the start.
    pub fn set_operation(&mut self, operation: String) {
        self.operation = operation.into();
    }

    /// Writes the record: a success, or a failure of a kind.
    pub fn finish(mut self, outcome: Result<(), ErrorKind>) {
        self.write(outcome);
    }

    /// Writes the record, unless it was written before. The SDK lends its hooks a record and never
    /// gives it away.
    pub fn write(&mut self, outcome: Result<(), ErrorKind>) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        self.log.write(&self.record(self.began.elapsed(), outcome));
    }

    fn record(&self, took: Duration, outcome: Result<(), ErrorKind>) -> CallRecord {
        let since_epoch = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        CallRecord {
            service: self.service.into(),
            operation: self.operation.clone(),
            duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            success: outcome.is_ok(),
            error_type: outcome.err(),
            timestamp: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            endpoint: self.endpoint,
            attempts: self.attempts,
        }
    }
}

impl Drop for OpenRecord {
    fn drop(&mut self) {
        self.write(Err(ErrorKind::Timeout));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;
    use crate::trace_context::RequestId;

    #[test]
    fn a_record_is_one_line_with_the_members_that_the_publisher_reads() {
        let record = CallRecord {
            service: "dynamodb".into(),
            operation: "UpdateItem".into(),
            duration_ms: 0.37,
            success: false,
            error_type: Some(ErrorKind::Throttling),
            timestamp: 1_795_305_600_123,
            endpoint: EndpointKind::Vpce,
            attempts: 2,
        };
        let log = TestLog::default();
        RecordLog::to(log.clone()).write(&record);
        assert_eq!(
            log.text(),
            concat!(
                r#"{"api_call":{"service":"dynamodb","operation":"UpdateItem","duration_ms":0.37,"success":false,"#,
                r#""error_type":"throttling","timestamp":1795305600123,"endpoint":"vpce","attempts":2}}"#,
                "\n"
            )
        );
    }

    #[tokio::test]
    async fn several_calls_of_one_request_are_lines_that_share_its_id() {
        let log = TestLog::default();
        let records = RecordLog::to(log.clone());
        let scope = RequestScope {
            request_id: RequestId::parse("req-7"),
            traceparent: None,
        };
        scope
            .serve(async {
                records.begin("jwks", "Fetch").finish(Ok(()));
                records
                    .begin("dynamodb", "GetItem")
                    .finish(Err(ErrorKind::Network));
            })
            .await;
        let lines = log.json_lines();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["request_id"] == "req-7"));
        assert_eq!(lines[0]["api_call"]["success"], true);
        assert!(lines[0]["api_call"].get("error_type").is_none());
        assert_eq!(lines[1]["api_call"]["error_type"], "network");
    }

    #[test]
    fn a_call_that_its_caller_gave_up_is_recorded_as_a_time_out() {
        let log = TestLog::default();
        let mut record = RecordLog::to(log.clone()).begin("dynamodb", "UpdateItem");
        record.begin_attempt();
        drop(record);
        let lines = log.json_lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["api_call"]["error_type"], "timeout");
        assert_eq!(lines[0]["api_call"]["attempts"], 1);
    }

    #[test]
    fn a_writer_that_fails_does_not_fail_the_call() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        RecordLog::to(Broken).begin("jwks", "Fetch").finish(Ok(()));
    }
}
