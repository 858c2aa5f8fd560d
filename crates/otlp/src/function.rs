//! The export of a Lambda function.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::exporter::Rhythm;
use crate::{Otlp, Service, Settings};

/// The time for the last flush. Lambda ends a function with an extension 500 ms after SIGTERM.
const SHUTDOWN_TIME: Duration = Duration::from_millis(300);

/// Starts the export of a function and makes it the one of the process. Returns `None` if no
/// endpoint is set.
///
/// An invalid setting is logged as an error and turns the export off. It must not keep the function
/// from serving requests.
///
/// # Panics
/// If it is called outside of a Tokio runtime.
pub fn start_in_function(
    lookup: impl Fn(&str) -> Option<String>,
    service: Service<'_>,
) -> Option<Otlp> {
    let settings = Settings::from_lookup(lookup, service).unwrap_or_else(|error| {
        tracing::error!(%error, "OpenTelemetry is off, because a setting is invalid");
        None
    })?;

    let otlp = Otlp::with_rhythm(settings, Rhythm::AfterInvocations);
    otlp.install();
    tokio::spawn(flush_at_shutdown(otlp.clone()));
    Some(otlp)
}

/// Flushes once and ends the process when Lambda ends the instance. Lambda sends SIGTERM only if
/// the function has an extension, such as the layer with a collector.
async fn flush_at_shutdown(otlp: Otlp) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };

    terminate.recv().await;
    otlp.shutdown(SHUTDOWN_TIME).await;
    std::process::exit(0);
}
