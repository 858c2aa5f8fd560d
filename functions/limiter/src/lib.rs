//! The limiter: the HTTP API for plans, keys, policies, compositions, usage and decisions.
//!
//! - trigger: an API Gateway HTTP API (payload format 2.0). `ANY /_tollgate/v1/{proxy+}` requires IAM
//!   authorization, `GET /_tollgate/usage` requires the authorizer, and
//!   `GET /_tollgate/openapi.json` is public
//! - reads: plans, keys, policies, compositions and usage
//! - writes: the same. Of a key's secret it writes only the hash
//! - log: one line per request, and one per change by an administrator (see `audit`)
//! - decisions: a request that the authorizer has marked gets 429 or 503 on every route, before any
//!   handler runs
//! - on failure: every error response is a problem document (RFC 9457). A 4xx names each mistake of
//!   the request. The cause of a 5xx is in the log. The function itself only fails for an event that
//!   is not from an HTTP API
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use limiter::Limiter;
//! use policy::KeyHeader;
//! use registry::Seeds;
//! use store::{EmbeddedStore, Store};
//!
//! let seeds = Seeds::parse(r#"{"plans": {"free": {"throttle": {"rate": 1, "burst": 5}}}}"#)?;
//! let store = Store::Embedded(EmbeddedStore::new(&seeds)?);
//! let limiter = Limiter::new(Arc::new(store), KeyHeader::default());
//!
//! let event = serde_json::json!({
//!     "rawPath": "/_tollgate/v1/plans/free",
//!     "requestContext": {
//!         "http": {"method": "GET"},
//!         "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/alice"}},
//!     },
//! });
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let response = runtime.block_on(limiter.handle(event))?;
//! assert_eq!(response["statusCode"], 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account_page;
mod api;
mod audit;
mod blocks;
mod callers;
mod compositions;
mod config;
mod csv_file;
mod decisions;
pub mod document_check;
mod enforcement;
mod error_responses;
mod event;
mod export;
mod grants;
mod idempotency;
mod import;
mod key_search;
mod keys;
mod openapi;
mod panic_guard;
mod plans;
mod policies;
mod problem;
mod request;
mod response;
mod response_headers;
mod routes;
mod schema;
mod store_setup;
mod usage_list;
mod usage_report;

use std::sync::{Arc, OnceLock};

use ::store::Store;
use aws::Deadline;
use axum::Router;
use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use lambda_runtime::Diagnostic;
use outcome::RateLimitHeaders;
use policy::KeyHeader;
use registry::Admin;
use serde_json::Value;
use telemetry::{RequestScope, on_current_span};
use tower_service::Service as _;

use decisions::charge_token::ChargeKey;
use event::EventRequest;

pub use compositions::ComposerSettings;
pub use config::{Config, ConfigError};
pub use panic_guard::handle_event;
pub use store_setup::open;

/// Handles the events of the function, one after another or concurrently.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// Created with the first event, because it takes most of the time of a startup.
    router: Arc<OnceLock<Router>>,
    shared: Shared,
}

/// The state that all handlers share.
#[derive(Clone, Debug)]
struct Shared {
    store: Arc<Store>,
    clock: fn() -> Timestamp,
    charge_key: ChargeKey,
    /// The only header that a policy may name for API keys.
    key_header: KeyHeader,
    /// The policy that the authorizer of this stack uses, if it is in the registry.
    policy_in_use: Option<Arc<str>>,
    composer: ComposerSettings,
    rate_limit_headers: RateLimitHeaders,
}

impl Shared {
    fn admin(&self) -> Admin<'_> {
        self.store.admin()
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The error for an event that is not a request. It contains no value of the event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: "Fault".to_owned(),
            error_message: failure.0,
        }
    }
}

impl Limiter {
    /// Creates a limiter. Clients of the API send their keys in `key_header`.
    #[must_use]
    pub fn new(store: Arc<Store>, key_header: KeyHeader) -> Self {
        Self::with_clock(store, key_header, Timestamp::now)
    }

    /// Creates a limiter with a clock, for tests.
    #[must_use]
    pub fn with_clock(store: Arc<Store>, key_header: KeyHeader, clock: fn() -> Timestamp) -> Self {
        let shared = Shared {
            store,
            clock,
            charge_key: ChargeKey::default(),
            key_header,
            policy_in_use: None,
            composer: ComposerSettings::default(),
            rate_limit_headers: RateLimitHeaders::default(),
        };

        Self {
            router: Arc::default(),
            shared,
        }
    }

    /// Names the policy of the registry that the authorizer uses. It is then deleted only with
    /// `force=true`.
    #[must_use]
    pub fn with_policy_in_use(mut self, name: Option<String>) -> Self {
        self.shared.policy_in_use = name.map(Into::into);
        self.router = Arc::default();
        self
    }

    /// Sets what is known about the composer of the stack.
    #[must_use]
    pub fn with_composer(mut self, composer: ComposerSettings) -> Self {
        self.shared.composer = composer;
        self.router = Arc::default();
        self
    }

    /// Sets the format of the rate-limit headers. The default is draft 10.
    #[must_use]
    pub fn with_rate_limit_headers(mut self, format: RateLimitHeaders) -> Self {
        self.shared.rate_limit_headers = format;
        self.router = Arc::default();
        self
    }

    /// Writes usage that is not in the store yet. Call it after the last request.
    pub async fn finish(&self, deadline: Deadline) {
        self.shared.store.flush(deadline).await;
    }

    /// Returns the description of the routes (OpenAPI 3.1).
    #[must_use]
    pub fn openapi() -> Value {
        api::description().clone()
    }

    fn router(&self) -> &Router {
        self.router.get_or_init(|| api::router(self.shared.clone()))
    }

    /// Handles one event. Writes one log line, which contains no key, header or query.
    ///
    /// # Errors
    /// [`Failure`] if the event is not from an HTTP API with payload format 2.0.
    pub async fn handle(&self, event: Value) -> Result<Value, Failure> {
        let EventRequest { request, mistakes } = event::read(event)?;
        let scope = scope(&request);
        let own_id = request.request_context.request_id.clone();
        let router = if mistakes.is_empty() {
            self.router().clone()
        } else {
            api::malformed(mistakes, self.shared.rate_limit_headers)
        };

        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request), Context::default());
        let response = Adapter::from(router).call(event);
        let response = scope
            .serve("limiter", async move {
                // The id in the access log. The client may have sent another one.
                on_current_span(|span| {
                    if let Some(id) = own_id {
                        span.set("tollgate.request_id", id);
                    }
                });
                response.await
            })
            .await
            .map_err(|never| match never {})?;

        serde_json::to_value(response)
            .map_err(|_| Failure("the response cannot be serialized".to_owned()))
    }
}

fn scope(request: &ApiGatewayV2httpRequest) -> RequestScope {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    RequestScope::from_headers(header, request.request_context.request_id.as_deref())
}
