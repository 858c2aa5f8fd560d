//! Calls of AWS services and other HTTP services.
//!
//! - **Purpose**: SDK setup, VPC endpoints, timeouts, retries and a circuit breaker. Every call has
//!   a deadline, and every buffer has a limit.
//! - **Reads**: `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
//!   `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `USE_VPC_ENDPOINT`, `VPC_ENDPOINT_URLS`,
//!   `FALLBACK_TO_PUBLIC` and `SSL_CERT_FILE`, all through a lookup function. The file in
//!   `SSL_CERT_FILE` is checked at startup and read again with the first https connection.
//! - **Writes**: one call record per call, and log lines through `tracing`. They never
//!   contain a header, a body, a query string or the user info of a URL.
//! - **On failure**: an invalid setting is one error that names the variable. A failed call is a
//!   value that states its kind, whether to retry, and whether it may have been applied.
//!
//! ```no_run
//! # async fn start() -> Result<(), aws::CallError> {
//! use aws::{AwsCalls, Retries, Timeouts};
//! use telemetry::RecordLog;
//!
//! let lookup = |name: &str| std::env::var(name).ok();
//! let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::stdout()).await?;
//! let read_client = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
//! let charge_client = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Off);
//! # Ok(())
//! # }
//! ```

pub mod breaker;
pub mod retry;
pub mod timeouts;

mod address;
mod authorities;
mod aws_json;
mod body;
mod call_error;
mod cause;
mod connect_error;
mod connections;
mod connector;
mod deadline;
mod endpoint;
mod endpoint_fallback;
mod error_code;
mod error_response;
mod explanation;
mod failure;
mod fate;
mod http_calls;
mod http_client;
mod proxy;
mod proxy_connector;
mod record_interceptor;
mod replay;
mod resolver;
mod sdk;
mod signature;
mod span_attributes;
mod tally;
#[cfg(test)]
mod test_log;
mod tls;

pub use address::Reach;
pub use addresses::is_loopback;
pub use authorities::{ExtraAuthorities, check_system_authorities, read_limited};
pub use aws_json::{AwsJson, AwsJsonError, AwsOperation};
pub use breaker::{Breaker, Permit, Verdict};
pub use call_error::CallError;
pub use cause::Cause;
pub use connections::Connections;
pub use deadline::Deadline;
pub use endpoint::Endpoints;
pub use explanation::explanation;
pub use failure::{Failure, verdict, was_not_applied};
pub use fate::Fate;
pub use http_calls::{HttpCall, HttpCalls};
pub use proxy::{Proxy, ProxyError, ProxyRoute};
pub use replay::Replay;
pub use retry::Retries;
pub use sdk::{AwsCalls, ServiceConfig};
pub use signature::{SignatureError, sign};
pub use timeouts::Timeouts;
pub use tls::{SystemAuthorities, tls_config, trust_system_authorities, trusted_authorities};
