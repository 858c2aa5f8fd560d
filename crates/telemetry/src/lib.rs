//! Observability of every function: JSON log lines, call records, and the ids of a request.
//!
//! - **Logs**: [`log_to`] returns a subscriber that writes one JSON line per event. A field is cut
//!   to 4 KiB, whoever chose its text. [`Excerpt`] cuts a text to 512 bytes. [`start_log`] and
//!   [`exit_code`] are the start and the end of a function's log.
//! - **Call records**: [`RecordLog`] writes one line `{"api_call":R}` per call of a service, or one
//!   line `{"api_calls":[…]}` per minute with the same durations and counts.
//! - **Requests**: [`RequestScope`] adds `request_id` and `trace_id` to log lines and call records.
//! - **Traces**: [`Span`] measures an operation if a [`Tracer`] is installed. Otherwise it costs one
//!   branch.
//! - **On failure**: a line that cannot be written is lost, never the request. A process that ends
//!   loses the call records that it still aggregates, those of a minute. [`contain_panic`]
//!   limits a panic to one request, and [`log_panics`] logs its place without its message.
//!
//! ```
//! use telemetry::{RecordLog, RequestId, RequestScope, log_to};
//!
//! let log = log_to(["my_function"], Some("info"), std::io::stdout);
//! let _guard = tracing::subscriber::set_default(log);
//! let scope = RequestScope {
//!     request_id: RequestId::parse("req-1"),
//!     traceparent: None,
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! scope
//!     .serve("handle", async {
//!         let record = RecordLog::stdout().begin("jwks", "Fetch");
//!         tracing::info!("signing keys loaded");
//!         record.finish(Ok(()));
//!     })
//!     .await;
//! # });
//! ```

mod call_aggregates;
mod call_record;
mod error_chain;
mod error_kind;
mod excerpt;
mod function_log;
mod histogram;
mod invocation;
mod json_fields;
mod json_line;
mod log;
mod log_level;
mod milliseconds;
mod panic;
mod record_log;
mod request_scope;
mod span;
#[cfg(test)]
mod test_log;
mod trace_context;

pub use call_record::{CallRecord, EndpointKind};
pub use error_chain::{error_chain, error_sources, find_source};
pub use error_kind::ErrorKind;
pub use excerpt::{Excerpt, MAX_EXCERPT_BYTES, shorten};
pub use function_log::{exit_code, start_log};
pub use histogram::{DURATION_BOUNDS_S, Exemplar, Histogram};
pub use invocation::{Invocation, Trigger};
pub use log::{AUDIT_TARGET, QUOTA_TARGET, json_lines, log_to};
pub use milliseconds::milliseconds;
pub use panic::{contain_panic, log_panics};
pub use record_log::{OpenRecord, RecordLog};
pub use request_scope::{RequestScope, below};
pub use span::{
    Attribute, AttributeValue, RecordedSpan, Span, SpanKind, Tracer, install_tracer, is_traced,
    on_current_span, propagates,
};
pub use trace_context::{RequestId, TRACEPARENT, TRACESTATE, TraceParent, X_REQUEST_ID};
