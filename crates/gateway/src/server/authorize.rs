//! Asks an authorizer, and takes its answer as API Gateway does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::Value;

use super::answer::Own;
use crate::api::Exchange;
use crate::function::Function;

/// As long as API Gateway waits for an authorizer.
const LONGEST: Duration = Duration::from_secs(10);

/// A simple response of format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Simple {
    is_authorized: bool,
    #[serde(default)]
    context: BTreeMap<String, Value>,
}

/// Puts the context into the exchange, and says who may not pass.
pub(super) async fn authorize(
    function: Arc<Function>,
    event: Value,
    exchange: &mut Exchange,
) -> Result<(), Own> {
    match invoke(function, event).await {
        Ok(answer) => {
            exchange.authorized(answer.context);
            if answer.is_authorized {
                Ok(())
            } else {
                Err(Own::Forbidden)
            }
        }
        Err(error) if error == "Unauthorized" => Err(Own::Unauthorized),
        Err(error) => {
            tracing::error!(
                request_id = exchange.request_id,
                error,
                "the authorizer failed"
            );
            exchange.authorizer_error = Some(error);
            Err(Own::Failed)
        }
    }
}

/// In a task of its own, so that a panic costs one request, as it does in Lambda.
async fn invoke(function: Arc<Function>, event: Value) -> Result<Simple, String> {
    let called = tokio::spawn(async move { function.invoke(event.to_string().as_bytes()).await });
    let abort = called.abort_handle();
    let outcome = tokio::time::timeout(LONGEST, called).await;
    let answer = outcome.map_err(|_| {
        abort.abort();
        format!("no answer within {} s", LONGEST.as_secs())
    })?;
    let answer = answer
        .map_err(|error| error.to_string())?
        .map_err(|error: Diagnostic| error.error_message)?;
    serde_json::from_slice(&answer)
        .map_err(|_| "the answer is not a simple response of format 2.0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use calls::RecordLog;
    use serde_json::json;

    async fn answered(event: Value) -> (Result<(), Own>, Exchange) {
        let settings: Value =
            serde_json::from_str(include_str!("../../../../events/env.json")).unwrap();
        let setting = move |name: &str| {
            settings["AuthorizerFunction"][name]
                .as_str()
                .map(str::to_owned)
        };
        let function = Arc::new(
            Function::new("authorizer", None, setting, RecordLog::stdout())
                .await
                .unwrap(),
        );
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        let answer = authorize(function, event, &mut exchange).await;
        (answer, exchange)
    }

    fn event(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn a_function_that_fails_is_our_failure_and_not_the_clients() {
        let (answer, exchange) = answered(json!({"version": "1.0"})).await;
        assert_eq!(answer, Err(Own::Failed));
        assert!(
            exchange
                .authorizer_error
                .is_some_and(|error| error.starts_with("event: "))
        );
    }

    #[tokio::test]
    async fn the_one_message_that_means_401_is_401() {
        let (answer, exchange) = answered(event(include_str!(
            "../../../../events/authorizer.unknown-key.json"
        )))
        .await;
        assert_eq!(
            (answer, exchange.authorizer_error),
            (Err(Own::Unauthorized), None)
        );
    }

    #[tokio::test]
    async fn the_context_is_there_for_the_log_even_where_the_answer_is_no() {
        let (answer, exchange) = answered(event(include_str!(
            "../../../../events/authorizer.no-rule.json"
        )))
        .await;
        assert_eq!(answer, Err(Own::Forbidden));
        assert_eq!(exchange.authorizer["reason"], "no_rule");
    }
}
