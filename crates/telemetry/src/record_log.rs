//! Where call records are written: one JSON line `{"api_call":R}` per call, or one JSON line
//! `{"api_calls":[…]}` per minute.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, mem};

use serde::Serialize;

use crate::call_aggregates::CallAggregates;
use crate::call_record::{CallRecord, EndpointKind};
use crate::error_kind::ErrorKind;
use crate::milliseconds;
use crate::request_scope::RequestScope;
use crate::span::{Span, SpanKind, is_traced};

/// The destination of call records. Clones share it.
///
/// Each record is written at once as a whole line, unless the log is
/// [aggregated](Self::aggregated). Records bypass `tracing`, whose JSON layer cannot write nested
/// JSON.
#[derive(Clone)]
pub struct RecordLog {
    writer: Arc<Mutex<dyn Write + Send>>,
    /// The records that wait. `None` if records are written at once.
    aggregates: Option<Arc<Mutex<CallAggregates>>>,
}

#[derive(Serialize)]
struct RecordLine<'a> {
    api_call: &'a CallRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

impl RecordLog {
    /// Returns a log to standard output, which Lambda forwards to CloudWatch Logs line by line.
    #[must_use]
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Returns a log to any writer.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            aggregates: None,
        }
    }

    /// Returns a log to the same writer that keeps call records in memory, aggregated per minute.
    /// [`Self::flush_ended_minutes`] or [`Self::flush`] writes them. Each duration and count is
    /// exact; the ids of requests and the numbers of attempts are omitted.
    ///
    /// A line has at most 1,000 different durations. If more are recorded, a full line is written
    /// at once. Records that are not flushed are lost when the process ends.
    #[must_use]
    pub fn aggregated(self) -> Self {
        Self {
            aggregates: Some(Arc::default()),
            ..self
        }
    }

    /// Writes the aggregated records as one line if a minute with a call has ended. Does nothing if
    /// records are written at once.
    ///
    /// A function calls it at the start of each invocation: then an instance writes at most one
    /// line per minute, and a panic later in the invocation loses nothing.
    pub fn flush_ended_minutes(&self, now: SystemTime) {
        self.flush_if(|aggregates| aggregates.has_ended_minute(now));
    }

    /// Writes the aggregated records as one line, if there are any.
    pub fn flush(&self) {
        self.flush_if(|aggregates| !aggregates.is_empty());
    }

    fn flush_if(&self, is_due: impl Fn(&CallAggregates) -> bool) {
        let Some(aggregates) = &self.aggregates else {
            return;
        };
        let mut aggregates = aggregates.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_due(&aggregates) {
            return;
        }

        let line = mem::take(&mut *aggregates);
        drop(aggregates);
        self.write_line(&line);
    }

    /// Starts the record of a call, and its span as a child of the request's.
    pub fn begin(
        &self,
        service: impl Into<Cow<'static, str>>,
        operation: impl Into<Cow<'static, str>>,
    ) -> OpenRecord {
        let service = service.into();
        OpenRecord {
            log: self.clone(),
            span: if is_traced() {
                begin_span(service.clone())
            } else {
                Span::none()
            },
            service,
            operation: operation.into(),
            began: Instant::now(),
            wall_clock: SystemTime::now(),
            attempts: 0,
            endpoint: EndpointKind::Public,
            is_written: false,
        }
    }

    /// Writes a record with the ids of the current request, or aggregates it. If the writer fails,
    /// the record is lost and a warning is logged.
    pub fn write(&self, record: CallRecord) {
        let Some(aggregates) = &self.aggregates else {
            return self.write_at_once(&record);
        };

        let mut aggregates = aggregates.lock().unwrap_or_else(PoisonError::into_inner);
        let full = aggregates.add(record);
        drop(aggregates);

        full.iter().for_each(|line| self.write_line(line));
    }

    fn write_at_once(&self, record: &CallRecord) {
        let scope = RequestScope::current();
        let request_id = scope.request_id.as_ref().map(|id| id.as_str());
        let trace_id = scope.traceparent.as_ref().map(|parent| parent.trace_id());

        self.write_line(&RecordLine {
            api_call: record,
            request_id,
            trace_id,
        });
    }

    /// Writes any other value as one JSON line, such as CloudWatch's embedded metric format. If the
    /// writer fails, the line is lost and a warning is logged.
    pub fn write_line(&self, line: &impl Serialize) {
        let Ok(mut text) = serde_json::to_vec(line) else {
            return;
        };
        text.push(b'\n');

        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writer.write_all(&text).and_then(|()| writer.flush()) {
            tracing::warn!(%error, "cannot write a metrics line");
        }
    }
}

impl fmt::Debug for RecordLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecordLog")
    }
}

/// Begins the span of a call. The caller names it, because the name depends on the protocol.
fn begin_span(service: Cow<'static, str>) -> Span {
    let parent = RequestScope::current().traceparent;
    Span::begin(SpanKind::Client, service, parent.as_ref())
}

/// The record of a call in progress. If it is dropped unfinished, the caller stopped waiting, and
/// the call is recorded as a timeout.
#[derive(Debug)]
#[must_use = "a record that is not finished counts as a timeout"]
pub struct OpenRecord {
    log: RecordLog,
    span: Span,
    service: Cow<'static, str>,
    operation: Cow<'static, str>,
    began: Instant,
    wall_clock: SystemTime,
    attempts: u32,
    endpoint: EndpointKind,
    is_written: bool,
}

impl OpenRecord {
    /// Sets the operation if it was unknown at the start.
    pub fn set_operation(&mut self, operation: String) {
        self.operation = operation.into();
    }

    /// Returns the span of the call, which ends with the record.
    pub const fn span(&mut self) -> &mut Span {
        &mut self.span
    }

    /// Sets the kind of endpoint that the attempt goes to.
    pub fn set_endpoint(&mut self, endpoint: EndpointKind) {
        self.endpoint = endpoint;
    }

    /// Counts an attempt that begins.
    pub fn begin_attempt(&mut self) {
        self.attempts += 1;
    }

    /// Returns the number of attempts that have begun.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Writes the record of a success or a failure.
    pub fn finish(mut self, outcome: Result<(), ErrorKind>) {
        self.write(outcome);
    }

    /// Writes the record once; later calls do nothing. For owners that can only lend the record.
    pub fn write(&mut self, outcome: Result<(), ErrorKind>) {
        if mem::replace(&mut self.is_written, true) {
            return;
        }

        let record = self.call_record(self.began.elapsed(), outcome);
        self.end_span(outcome);
        self.log.write(record);
    }

    fn end_span(&mut self, outcome: Result<(), ErrorKind>) {
        if self.attempts > 1 {
            self.span
                .set("http.request.resend_count", self.attempts - 1);
        }
        if let Err(kind) = outcome {
            self.span.fail(kind.as_str());
        }
        self.span.end();
    }

    fn call_record(&self, duration: Duration, outcome: Result<(), ErrorKind>) -> CallRecord {
        let since_epoch = self
            .wall_clock
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();

        CallRecord {
            service: self.service.clone(),
            operation: self.operation.clone(),
            duration_ms: milliseconds(duration),
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
    fn record_is_one_json_line() {
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

        RecordLog::to(log.clone()).write(record);

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
    async fn records_of_a_request_share_its_id() {
        let log = TestLog::default();
        let records = RecordLog::to(log.clone());
        let scope = RequestScope {
            request_id: RequestId::parse("req-7"),
            traceparent: None,
        };

        let work = async {
            records.begin("jwks", "Fetch").finish(Ok(()));
            records
                .begin("dynamodb", "GetItem")
                .finish(Err(ErrorKind::Network));
        };
        scope.serve("test", work).await;

        let lines = log.json_lines();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["request_id"] == "req-7"));
        assert_eq!(lines[0]["api_call"]["success"], true);
        assert!(lines[0]["api_call"].get("error_type").is_none());
        assert_eq!(lines[1]["api_call"]["error_type"], "network");
    }

    #[test]
    fn aggregated_records_are_one_line_after_their_minute() {
        let log = TestLog::default();
        let records = RecordLog::to(log.clone()).aggregated();
        let now = SystemTime::now();

        records.begin("jwks", "Fetch").finish(Ok(()));
        let clone = records.clone();
        clone.begin("jwks", "Fetch").finish(Ok(()));
        drop(clone.begin("dynamodb", "GetItem"));
        records.flush_ended_minutes(now);
        assert_eq!(log.text(), "");

        records.flush_ended_minutes(now + Duration::from_secs(60));
        records.flush_ended_minutes(now + Duration::from_secs(600));
        records.flush();

        let lines = log.json_lines();
        assert_eq!(lines.len(), 1);
        let calls = lines[0]["api_calls"].as_array().unwrap();
        let counted = |kind: &str| {
            let of_kind = calls.iter().filter(|call| call["service"] == kind);
            let counts = of_kind.flat_map(|call| call["counts"].as_array().unwrap());
            counts.filter_map(serde_json::Value::as_u64).sum::<u64>()
        };
        assert_eq!((counted("jwks"), counted("dynamodb")), (2, 1));
        assert_eq!(calls.last().unwrap()["error_type"], "timeout");
        assert!(lines[0].get("request_id").is_none());
    }

    #[test]
    fn a_flush_writes_the_minute_that_has_not_ended() {
        let log = TestLog::default();
        let records = RecordLog::to(log.clone()).aggregated();

        records.begin("jwks", "Fetch").finish(Ok(()));
        records.flush();
        records.flush();

        assert_eq!(log.json_lines().len(), 1);
    }

    #[tokio::test]
    async fn a_panic_loses_no_aggregated_record() {
        let log = TestLog::default();
        let records = RecordLog::to(log.clone()).aggregated();
        let shared = records.clone();

        let panicking = async move {
            let _open = shared.begin("dynamodb", "GetItem");
            shared.begin("jwks", "Fetch").finish(Ok(()));
            [0].get(1).copied().unwrap()
        };
        assert_eq!(crate::contain_panic(panicking).await, None);
        records.flush();

        let calls = log.json_lines()[0]["api_calls"].clone();
        assert_eq!(calls.as_array().unwrap().len(), 2, "{calls}");
    }

    #[test]
    fn other_lines_of_an_aggregated_log_are_written_at_once() {
        let log = TestLog::default();

        RecordLog::to(log.clone())
            .aggregated()
            .write_line(&serde_json::json!({"gauge": 1}));

        assert_eq!(log.text(), "{\"gauge\":1}\n");
    }

    #[test]
    fn dropped_record_is_a_timeout() {
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
    fn failing_writer_is_logged_and_does_not_fail_the_call() {
        struct FailingWriter;
        impl Write for FailingWriter {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = TestLog::default();
        let _guard = log.subscribe();

        RecordLog::to(FailingWriter)
            .begin("jwks", "Fetch")
            .finish(Ok(()));

        let lines = log.json_lines();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "cannot write a metrics line");
        assert_eq!(lines[0]["error"], "broken pipe");
    }
}
