//! The authorizer decides who calls, on which plan, and whether the call is allowed.
//!
//! - trigger: an authorizer event of an HTTP API (format 2.0 with simple responses, or 1.0) or of a
//!   REST API (TOKEN or REQUEST). The format of the event determines the format of the response.
//! - reads: the policy (`AUTH_POLICY`), API keys and plans, the issuers' signing keys, and what an
//!   authorization server says about opaque tokens
//! - writes: the usage of the caller, in one write per request
//! - on failure: authentication never fails open. Invalid credentials end in the error
//!   `Unauthorized` (401), or in `isAuthorized: false` (403) with `ON_BAD_CREDENTIALS=forbid`. A
//!   forbidden request gets `isAuthorized: false` (403). A failure of our own is any other error
//!   (500).
//!
//! ```
//! use std::sync::Arc;
//!
//! use authorizer::{Authorizer, Config, http_calls, open, reach};
//! use telemetry::RecordLog;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let settings = |name: &str| match name {
//!     "AUTH_POLICY" => Some(r#"{"rules": [{"match": "GET /health", "auth": "none"}]}"#.to_owned()),
//!     "EMBEDDED_STORE" => Some("{}".to_owned()),
//!     _ => None,
//! };
//! let config = Config::from_lookup(settings)?;
//! let store = open(&config.store, settings, RecordLog::stdout()).await?.store;
//! let calls = move || http_calls(RecordLog::stdout(), reach(settings));
//! let authorizer = Authorizer::new(config, Arc::new(store), calls);
//! authorizer.load_policy().await?;
//!
//! let event = r#"{"version": "2.0", "type": "REQUEST", "routeKey": "GET /health",
//!                 "requestContext": {"http": {"method": "GET"}}}"#;
//! let response = authorizer.handle(serde_json::from_str(event)?).await?;
//! assert!(response.get().starts_with(r#"{"isAuthorized":true"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod active_policy;
mod authorizer;
mod block_check;
mod candidate;
mod certificate;
mod config;
mod context;
mod context_text;
mod credentials;
mod event;
mod failure;
mod front;
mod header_value;
mod iam_policy;
mod identity;
mod introspection;
mod invocation;
mod invocation_body;
mod issuer_keys;
mod key_pool;
mod log;
mod outbound;
mod plan_check;
mod policies;
mod policy_load_error;
mod policy_reload;
mod rejection;
mod request_outcome;
mod response;
mod route_explanation;
mod secrets;
mod sent_credentials;
mod shadow;
mod site_check;
mod store;
mod token;
mod token_explanation;
mod token_verifier;
mod trusted_issuers;

pub use authorizer::Authorizer;
pub use config::{Config, ConfigError};
pub use failure::Failure;
pub use invocation::invoke;
pub use invocation_body::InvocationBody;
pub use log::{OWN_CRATES, log_to};
pub use outbound::{http_calls, local_http_calls, reach};
pub use policy_load_error::PolicyLoadError;
pub use response::Response;
pub use route_explanation::{RouteExplanation, explain_route};
pub use store::open;
pub use token_explanation::{CheckResult, TokenCheck, TokenExplanation};
