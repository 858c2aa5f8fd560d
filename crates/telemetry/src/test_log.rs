//! A writer whose content tests can read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

use crate::log::log_to;

/// Lines in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct TestLog(Arc<Mutex<Vec<u8>>>);

impl Write for TestLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestLog {
    /// Writes this thread's log here until the guard is dropped.
    pub(crate) fn subscribe(&self) -> DefaultGuard {
        self.subscribe_at("info")
    }

    /// The same, at a level.
    pub(crate) fn subscribe_at(&self, level: &str) -> DefaultGuard {
        let log = self.clone();
        let subscriber = log_to(["telemetry"], Some(level), move || log.clone());

        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
