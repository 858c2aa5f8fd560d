//! Ctrl-C.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// The exit code of an interrupted command, as of shells.
pub(super) const INTERRUPTED: u8 = 130;

/// True after Ctrl-C. A second one ends the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Begins to wait for Ctrl-C. The signal is caught when this returns. If it cannot be caught, it
    /// ends the process as usual.
    pub(super) fn watch() -> Self {
        let interruption = Self::default();
        let Ok(mut signals) = signal(SignalKind::interrupt()) else {
            return interruption;
        };

        let flag = interruption.clone();
        tokio::spawn(async move {
            signals.recv().await;
            flag.0.store(true, Ordering::Relaxed);
            let note =
                "tollgate: waiting for the requests that were sent; Ctrl-C again ends at once";
            let _ = writeln!(std::io::stderr(), "\n{note}");

            signals.recv().await;
            std::process::exit(INTERRUPTED.into());
        });
        interruption
    }

    pub(super) fn has_happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
