//! Invokes the authorizer and interprets its response as API Gateway does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use authorizer::Failure;
use serde::Deserialize;
use serde_json::Value;
use telemetry::{TraceParent, below};

use super::response::ErrorResponse;
use crate::api::Exchange;
use crate::function::Function;

/// API Gateway's timeout for an authorizer.
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);

/// A simple response of format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse {
    is_authorized: bool,
    #[serde(default)]
    context: BTreeMap<String, Value>,
}

/// Invokes the authorizer and stores its context in the exchange.
///
/// # Errors
/// The response to a request that is denied or cannot be authorized.
pub(super) async fn authorize(
    function: Arc<Function>,
    event: Value,
    exchange: &mut Exchange,
) -> Result<(), ErrorResponse> {
    let began = Instant::now();
    let result = invoke(function, event, exchange.span.clone()).await;
    exchange.authorizer_latency = Some(began.elapsed());

    match result {
        Ok(response) => {
            exchange.set_authorizer_context(response.context);
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

/// Invokes the function in its own task, so that a panic fails one request only, as in Lambda.
async fn invoke(
    function: Arc<Function>,
    event: Value,
    parent: Option<TraceParent>,
) -> Result<SimpleResponse, Failure> {
    let task = tokio::spawn(async move {
        below(parent, function.authorize(event.to_string().as_bytes())).await
    });
    let abort = task.abort_handle();
    let result = tokio::time::timeout(AUTHORIZER_TIMEOUT, task).await;
    let result = result.map_err(|_| {
        abort.abort();
        let timeout_s = AUTHORIZER_TIMEOUT.as_secs();
        Failure::Fault(format!("no response within {timeout_s} s"))
    })?;

    let response = result.map_err(|error| Failure::Fault(error.to_string()))??;
    serde_json::from_slice(&response).map_err(|_| {
        Failure::Fault("the response is not a simple response of format 2.0".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use outcome::Reason;
    use serde_json::json;
    use telemetry::RecordLog;

    async fn authorized(event: Value) -> (Result<(), ErrorResponse>, Exchange) {
        let settings: Value =
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

    fn event(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn fault_of_the_authorizer_is_an_internal_error() {
        let (result, exchange) = authorized(json!({"version": "1.0"})).await;
        assert_eq!(result, Err(ErrorResponse::InternalError));
        assert!(
            exchange
                .authorizer_error
                .is_some_and(|error| error.starts_with("event: "))
        );
    }

    #[tokio::test]
    async fn error_unauthorized_is_a_401() {
        let event = event(include_str!(
            "../../../../events/authorizer.unknown-key.json"
        ));
        let (result, exchange) = authorized(event).await;
        assert_eq!(result, Err(ErrorResponse::Unauthorized));
        assert_eq!(exchange.unauthorized, Some(Reason::UnknownKey));
        assert_eq!(exchange.authorizer_error, None);
    }

    #[tokio::test]
    async fn context_of_a_denied_request_is_available_to_the_access_log() {
        let event = event(include_str!("../../../../events/authorizer.no-rule.json"));
        let (result, exchange) = authorized(event).await;
        assert_eq!(result, Err(ErrorResponse::Forbidden));
        assert_eq!(exchange.authorizer["reason"], "no_rule");
    }
}
