//! A writer that keeps log lines for assertions.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// A buffer for log lines. Its clones share the lines.
#[derive(Clone, Default)]
pub struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogBuffer {
    /// Sends this thread's log to the buffer, as JSON lines, until the guard is dropped.
    #[must_use]
    pub fn subscribe(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(move || log.clone())
            .finish();

        tracing::subscriber::set_default(subscriber)
    }

    /// Returns everything that was written.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns each line as JSON.
    ///
    /// # Panics
    /// If a line is not JSON.
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the call records, which are the field `api_call` of the lines.
    ///
    /// # Panics
    /// If a line is not JSON.
    #[must_use]
    pub fn call_records(&self) -> Vec<Value> {
        self.json_lines()
            .into_iter()
            .map(|mut line| line["api_call"].take())
            .filter(|record| !record.is_null())
            .collect()
    }

    /// Returns the only call record.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[must_use]
    pub fn call_record(&self) -> Value {
        let mut records = self.call_records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// Returns the operations of the call records, in order.
    ///
    /// # Panics
    /// If a call record has no operation.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.call_records()
            .iter()
            .map(|record| record["operation"].as_str().unwrap().to_owned())
            .collect()
    }
}
