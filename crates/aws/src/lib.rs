//! Calling other services: what every function of Tollgate shares for it.
//!
//! - **Purpose**: SDK set-up, time-outs, retries, VPC endpoints, circuit breaker, error kinds, call
//!   records, and the
//!   ids of the request on whose behalf a call is made. Every call has a deadline; everything that
//!   grows has a bound.
//! - **Reads**: `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
//!   `AWS_SECRET_ACCESS_KEY`,
//!   `AWS_SESSION_TOKEN`, `USE_VPC_ENDPOINT`, `VPC_ENDPOINT_URLS`, `FALLBACK_TO_PUBLIC`, all
//!   through a lookup.
//! - **Writes**: one line `{"api_call":R}` a call, and log lines through `tracing`; never a header,
//!   a body, a query
//!   string or user info of a URL.
//! - **On failure**: a bad setting is one error that names the variable; a failed call is a value
//!   that says its kind,
//!   whether to retry, and whether it can have been applied. Nothing panics.
//!
//! ```no_run
//! # async fn start() -> Result<(), aws::CallError> {
//! use aws::{AwsCalls, Retries, Timeouts};
//! use telemetry::RecordLog;
//!
//! let lookup = |name: &str| std::env::var(name).ok();
//! let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::stdout()).await?;
//! let reads = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
//! let charges = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Off);
//! # Ok(())
//! # }
//! ```

pub mod breaker;
pub mod retry;
pub mod timeouts;

mod address;
mod aws_json;
mod call_error;
mod cause;
mod connect_error;
mod connections;
mod deadline;
mod endpoint;
mod endpoint_fallback;
mod error_code;
mod failure;
mod fate;
mod http_calls;
mod proxy;
mod record_interceptor;
mod replay;
mod resolver;
mod sdk;
mod tally;
#[cfg(test)]
mod test_log;

pub use address::Reach;
pub use addresses::is_loopback;
pub use aws_json::{AwsJson, AwsJsonError, AwsOperation};
pub use breaker::{Breaker, Permit, Verdict};
pub use call_error::CallError;
pub use cause::Cause;
pub use connections::Connections;
pub use deadline::Deadline;
pub use endpoint::Endpoints;
pub use failure::{Failure, verdict, was_not_applied};
pub use fate::Fate;
pub use http_calls::{HttpCall, HttpCalls};
pub use proxy::{Proxy, ProxyError};
pub use replay::Replay;
pub use retry::Retries;
pub use sdk::{AwsCalls, ServiceConfig};
pub use timeouts::Timeouts;
