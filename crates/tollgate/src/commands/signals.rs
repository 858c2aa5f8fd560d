//! Signals that end the command.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number that a shell adds to the number of the signal in the exit code of a process.
const EXIT_CODE_BASE: u8 = 128;
const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGTERM: u8 = 15;

/// Handlers of the signals that end a command, active from their creation.
pub(crate) struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to catch the signals.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal, and returns the exit code of a process that it ends.
    pub(crate) async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.hang_up.recv() => SIGHUP,
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
        };
        EXIT_CODE_BASE + number
    }
}
