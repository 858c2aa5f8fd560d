//! Ctrl-C.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of an interrupted command, as of shells.
pub(super) const INTERRUPTED: u8 = 130;

/// True after Ctrl-C. A second one ends the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Begins to wait for Ctrl-C.
    pub(super) fn watch() -> Self {
        let interruption = Self::default();
        let flag = interruption.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            flag.0.store(true, Ordering::Relaxed);
            let note =
                "\ntollgate: waiting for the requests that were sent; Ctrl-C again ends at once";
            let _ = writeln!(std::io::stderr(), "{note}");

            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED.into());
            }
        });
        interruption
    }

    pub(super) fn has_happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
