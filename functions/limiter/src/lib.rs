//! The limiter: plans, keys, policies, usage and decisions over HTTP.
//!
//! - trigger: an API Gateway HTTP API (payload format 2.0): `ANY /_tollgate/v1/{proxy+}` behind
//!   IAM,
//!   `GET /_tollgate/usage` behind the authorizer, `GET /_tollgate/openapi.json` for everybody
//! - reads: plans, keys and policies; usage
//! - writes: the same; of a key's secret only its hash
//! - log: one line per request, and one per change by an administrator (see `audit`)
//! - decisions: a request that the authorizer has marked gets 429 or 503 on every route, before any
//!   handler
//! - on failure: everything that goes wrong is a problem document (RFC 9457): 4xx names each
//!   mistake of the request,
//!   5xx is ours and says in the log why. An event that is none of an HTTP API's is the function's
//!   only error

mod api;
mod audit;
mod config;
mod decisions;
mod enforcement;
mod event;
mod export;
mod formula;
mod idempotency;
mod import;
mod key_file;
mod keys;
mod openapi;
mod panic_guard;
mod plans;
mod policies;
mod problem;
mod request;
mod schema;
mod store_setup;
mod usage_report;

use std::sync::Arc;

use aws::Deadline;
use axum::Router;
use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use lambda_runtime::Diagnostic;
use policy::KeyHeader;
use serde_json::Value;
use telemetry::RequestScope;
use tower_service::Service as _;
use usage::{Admin, Store};

use decisions::charge_token::ChargeTexts;
use event::Received;

pub use config::{Config, ConfigError};
pub use panic_guard::answer;
pub use problem::{Mistake, Problem};
pub use store_setup::open;

/// The limiter with what it was set up with. One serves any number of requests, one after another
/// or at once.
#[derive(Clone, Debug)]
pub struct Limiter {
    router: Router,
    store: Arc<Store>,
}

/// What handlers have at hand.
#[derive(Clone, Debug)]
struct Shared {
    store: Arc<Store>,
    clock: fn() -> Timestamp,
    charges: ChargeTexts,
    /// The only header that a policy may name for API keys.
    key_header: KeyHeader,
}

impl Shared {
    fn admin(&self) -> Admin<'_> {
        self.store.admin()
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// What Lambda is told of an event that is no request. It holds nothing of the event's values.
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
    /// A limiter over `store`, in front of which API keys are in the header `key_header`.
    #[must_use]
    pub fn new(store: Arc<Store>, key_header: KeyHeader) -> Self {
        Self::with_clock(store, key_header, Timestamp::now)
    }

    /// The same, at whatever time `clock` says.
    #[must_use]
    pub fn with_clock(store: Arc<Store>, key_header: KeyHeader, clock: fn() -> Timestamp) -> Self {
        let shared = Shared {
            store: Arc::clone(&store),
            clock,
            charges: ChargeTexts::default(),
            key_header,
        };
        Self {
            router: api::router(shared),
            store,
        }
    }

    /// Writes what reports need and the store does not have yet. To be called once no more requests
    /// come.
    pub async fn finish(&self, deadline: Deadline) {
        self.store
            .flush(Timestamp::now().as_nanosecond(), deadline)
            .await;
    }

    /// The description of its routes (OpenAPI 3.1), made from their declarations.
    #[must_use]
    pub fn openapi() -> Value {
        api::description().clone()
    }

    /// Answers one event. Writes one log line, which names neither a key nor a header nor a query.
    ///
    /// # Errors
    /// [`Failure`] for an event that is no request of an HTTP API's, format 2.0.
    pub async fn handle(&self, event: Value) -> Result<Value, Failure> {
        let Received { request, mistakes } = event::received(event)?;
        let scope = scope(&request);
        let router = if mistakes.is_empty() {
            self.router.clone()
        } else {
            api::malformed(mistakes)
        };

        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request), Context::default());
        let answer = Adapter::from(router).call(event);
        let response = scope.serve(answer).await.map_err(|never| match never {})?;
        serde_json::to_value(response)
            .map_err(|_| Failure("the response cannot be written".to_owned()))
    }
}

fn scope(request: &ApiGatewayV2httpRequest) -> RequestScope {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    RequestScope::from_headers(header, request.request_context.request_id.as_deref())
}
