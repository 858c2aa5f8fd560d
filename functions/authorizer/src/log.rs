//! The log of the function: JSON, one line per request, and nothing that reveals a credential.

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

/// Returns a log at `level` (default `info`) that writes to `writer`.
pub fn log_to(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    telemetry::log_to(["authorizer", "aws", "usage"], level, writer)
}
