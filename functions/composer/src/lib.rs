//! The composer answers one request with the merged responses of several services.
//!
//! - trigger: an API Gateway HTTP API (payload format 2.0) on a route below `COMPOSITIONS_PREFIX`
//!   with the authorizer
//! - reads: the compositions (`COMPOSITIONS`), the policy (`AUTH_POLICY`), plans, and the responses
//!   of services
//! - writes: the usage of the caller, only for compositions that charge their parts
//! - log: one line per request, which contains no value of the request
//! - on failure: nothing that the authorizer has refused is called, and no part that the caller
//!   could not call directly. A part that is missing is replaced by its fallback and named in
//!   `_metadata`. Every error response is a problem document (RFC 9457). The function itself only
//!   fails for an event that is not from an HTTP API
//!
//! # Example
//!
//! ```
//! use composer::{Config, open};
//! use telemetry::RecordLog;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let settings = |name: &str| match name {
//!     "COMPOSITIONS" => Some(r#"{"services": {"default": {"url": "http://services.example"}},
//!         "routes": {"GET /bff/home": {"parts": {"user": {"get": "/users/{user_id}"}}}}}"#.to_owned()),
//!     "AUTH_POLICY" => Some(r#"{"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]}"#.to_owned()),
//!     _ => None,
//! };
//! let config = Config::from_lookup(settings)?;
//! let composer = open(config, settings, RecordLog::stdout(), None).await?;
//!
//! let event = r#"{"version": "2.0", "routeKey": "ANY /bff/{proxy+}", "pathParameters": {"proxy": "home"},
//!     "requestContext": {"http": {"method": "GET"}, "authorizer": {"lambda": {"decision": "throttled"}}}}"#;
//! let response = composer.handle(serde_json::from_str(event)?).await.map_err(|error| error.error_message)?;
//! assert!(response.get().starts_with(r#"{"statusCode":429"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod active_compositions;
mod answer;
mod arrival;
mod called_parts;
mod caller;
mod caller_context;
mod charge;
mod charged_caller;
mod composer;
mod config;
mod decision;
mod destination;
mod document;
mod event;
mod function_response;
mod invocation;
mod log;
mod open;
mod part_call;
mod part_response;
mod part_run;
mod problem;
mod query;
mod reply;
mod request;
mod response_headers;
mod response_size;
mod routing;
mod service;
mod service_headers;
mod services;
mod values;

pub use caller_context::CallerContext;
pub use composer::{Composer, Observer};
pub use config::{Config, ConfigError};
pub use document::DocumentError;
pub use invocation::invoke;
pub use log::{OWN_CRATES, ReplyKind};
pub use open::{OpenError, open, open_at};
pub use reply::{PartReport, Reply};
pub use request::Request;
