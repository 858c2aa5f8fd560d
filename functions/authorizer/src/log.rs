//! The log of the function: JSON, one line per request, and nothing that reveals a credential.

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

/// The function's own crates, which may log below INFO. Their events contain no credentials.
pub const OWN_CRATES: [&str; 5] = ["authorizer", "aws", "dynamodb", "registry", "store"];

/// Returns a log at `level` (default `info`) that writes to `writer`.
pub fn log_to(
    level: Option<&str>,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    telemetry::log_to(OWN_CRATES, level, writer)
}
