//! Invokes the authorizer and interprets its response as API Gateway does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authorizer::Failure;
use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::{TraceParent, below};

use super::invocation::{self, InvocationError};
use super::response::ErrorResponse;
use crate::api::{AuthorizerContext, Exchange};
use crate::function::Function;

/// API Gateway's timeout for an authorizer.
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);

/// A simple response of format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse {
    is_authorized: bool,
    #[serde(default)]
    context: AuthorizerContext,
}

/// Invokes the authorizer and stores its context in the exchange.
///
/// # Errors
/// The response to a request that is denied or cannot be authorized.
pub(super) async fn authorize(
    function: Arc<Function>,
    event: Box<RawValue>,
    exchange: &mut Exchange,
) -> Result<(), ErrorResponse> {
    let began = Instant::now();
    let result = invoke(function, event, exchange.span.clone()).await;
    exchange.authorizer_latency = Some(began.elapsed());

    match result {
        Ok(response) => {
            exchange.authorizer = response.context;
            if response.is_authorized {
                Ok(())
            } else {
                Err(ErrorResponse::Forbidden)
            }
        }
        Err(Failure::Unauthorized(reason)) => {
            exchange.unauthorized = Some(reason);
            Err(ErrorResponse::Unauthorized)
        }
        Err(Failure::Fault(error)) => {
            tracing::error!(
                request_id = exchange.request_id,
                error,
                "the authorizer failed"
            );
            exchange.authorizer_error = Some(error);
            Err(ErrorResponse::InternalError)
        }
    }
}

/// Invokes the function.
async fn invoke(
    function: Arc<Function>,
    event: Box<RawValue>,
    parent: Option<TraceParent>,
) -> Result<SimpleResponse, Failure> {
    let deadline = Instant::now() + AUTHORIZER_TIMEOUT;
    let work = async move { below(parent, function.authorize(&event)).await };
    let result = invocation::run(Box::pin(work), deadline).await;

    let response = result.map_err(|error| Failure::Fault(problem(error)))??;
    serde_json::from_str(response.get()).map_err(|_| {
        Failure::Fault("the response is not a simple response of format 2.0".to_owned())
    })
}

fn problem(error: InvocationError) -> String {
    match error {
        InvocationError::Panic => "the authorizer panicked".to_owned(),
        InvocationError::Timeout => {
            format!("no response within {} s", AUTHORIZER_TIMEOUT.as_secs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outcome::Reason;
    use telemetry::RecordLog;

    async fn authorized(event: &str) -> (Result<(), ErrorResponse>, Exchange) {
        let event = RawValue::from_string(event.to_owned()).unwrap();
        let settings: serde_json::Value =
            serde_json::from_str(include_str!("../../../../events/env.json")).unwrap();
        let setting = move |name: &str| {
            settings["AuthorizerFunction"][name]
                .as_str()
                .map(str::to_owned)
        };
        let function = Function::new("authorizer", None, setting, RecordLog::stdout())
            .await
            .unwrap();

        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        let result = authorize(Arc::new(function), event, &mut exchange).await;
        (result, exchange)
    }

    #[tokio::test]
    async fn fault_of_the_authorizer_is_an_internal_error() {
        let (result, exchange) = authorized(r#"{"version": "1.0"}"#).await;
        assert_eq!(result, Err(ErrorResponse::InternalError));
        assert!(
            exchange
                .authorizer_error
                .is_some_and(|error| error.starts_with("event: "))
        );
    }

    #[tokio::test]
    async fn error_unauthorized_is_a_401() {
        let event = include_str!("../../../../events/authorizer.unknown-key.json");
        let (result, exchange) = authorized(event).await;
        assert_eq!(result, Err(ErrorResponse::Unauthorized));
        assert_eq!(exchange.unauthorized, Some(Reason::UnknownKey));
        assert_eq!(exchange.authorizer_error, None);
    }

    #[tokio::test]
    async fn context_of_a_denied_request_is_available_to_the_access_log() {
        let event = include_str!("../../../../events/authorizer.no-rule.json");
        let (result, exchange) = authorized(event).await;
        assert_eq!(result, Err(ErrorResponse::Forbidden));
        assert_eq!(exchange.authorizer.get("reason"), Some(&"no_rule".into()));
    }
}
