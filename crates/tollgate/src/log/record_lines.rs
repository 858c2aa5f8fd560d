//! Call records in the form of deployed functions: one line per minute.

use std::io::{self, Write};
use std::time::SystemTime;

use serde_json::Value;
use telemetry::{CallRecord, RecordLog};

/// A writer of call records. It aggregates the lines of single calls, and forwards all other lines,
/// such as gauges. Clones share the aggregates.
#[derive(Clone, Debug)]
pub(crate) struct RecordLines<W> {
    records: RecordLog,
    writer: W,
}

impl<W: Write + Clone + Send + 'static> RecordLines<W> {
    /// Returns a writer of lines to `writer`.
    pub(crate) fn to(writer: W) -> Self {
        Self {
            records: RecordLog::to(writer.clone()).aggregated(),
            writer,
        }
    }

    /// Writes the records that are still aggregated.
    pub(crate) fn finish(&self) {
        self.records.flush();
    }
}

impl<W: Write + Clone + Send + 'static> Write for RecordLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.records.flush_ended_minutes(SystemTime::now());

        match single_call(line) {
            Some(record) => self.records.write(record),
            None => self.writer.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Returns the record in a line of a single call.
fn single_call(line: &[u8]) -> Option<CallRecord> {
    let mut line: Value = serde_json::from_slice(line).ok()?;
    let record = line.get_mut("api_call")?.take();
    serde_json::from_value(record).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Lines in memory. Clones share them.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn calls_are_aggregated_and_other_lines_are_forwarded() {
        let lines = Lines::default();
        let writer = RecordLines::to(lines.clone());
        let records = RecordLog::to(writer.clone());

        records.begin("jwks", "Fetch").finish(Ok(()));
        records.write_line(&serde_json::json!({"gauge": 1}));
        records.begin("jwks", "Fetch").finish(Ok(()));
        writer.finish();

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let (gauge, calls) = text.split_once('\n').unwrap();
        assert_eq!(gauge, r#"{"gauge":1}"#);
        assert!(
            calls.starts_with(r#"{"api_calls":[{"service":"jwks""#),
            "{calls}"
        );
        assert!(!text.contains(r#"{"api_call":"#), "{text}");
    }
}
