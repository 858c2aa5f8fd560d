//! Writes the lines of the log in batches.

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::Duration;

/// The time between two batches. A line waits no longer than that, unless standard output blocks. A
/// second Ctrl-C ends the process without the lines that wait.
const INTERVAL: Duration = Duration::from_millis(5);
/// The size of a batch in bytes. A larger one is written in parts, without an interval.
const BATCH_BYTES: usize = 64 * 1024;

/// A writer for the thread that writes the log. Its `flush` writes a batch and waits. Lines that
/// arrive during the wait form the next batch.
///
/// A thread that wakes up for each line takes the processor from the requests: two switches and a
/// system call for each of them.
#[derive(Debug)]
pub(crate) struct Batches<W: Write>(BufWriter<W>);

impl<W: Write> Batches<W> {
    /// Returns a writer to `writer`.
    pub(crate) fn to(writer: W) -> Self {
        Self(BufWriter::with_capacity(BATCH_BYTES, writer))
    }
}

impl<W: Write> Write for Batches<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let is_empty = self.0.buffer().is_empty();
        self.0.flush()?;

        if !is_empty {
            thread::sleep(INTERVAL);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The sizes of all writes. Clones share them.
    #[derive(Clone, Debug, Default)]
    struct Writes(Arc<Mutex<Vec<usize>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_until_the_next_flush_are_one_write() {
        let writes = Writes::default();
        let mut batches = Batches::to(writes.clone());
        for _ in 0..10 {
            batches.write_all(b"line\n").unwrap();
        }
        assert_eq!(*writes.0.lock().unwrap(), [0; 0]);

        batches.flush().unwrap();
        assert_eq!(*writes.0.lock().unwrap(), [50]);
    }

    #[test]
    fn memory_of_a_batch_is_bounded() {
        let writes = Writes::default();
        let mut batches = Batches::to(writes.clone());
        for _ in 0..1_000 {
            batches.write_all(&[b'x'; 1_000]).unwrap();
        }
        batches.flush().unwrap();

        let writes = writes.0.lock().unwrap();
        assert_eq!(writes.iter().sum::<usize>(), 1_000_000);
        assert!(writes.iter().all(|bytes| *bytes <= BATCH_BYTES));
    }
}
