//! Explains a token with a policy.

use std::time::Duration;

use authorizer::TokenExplanation;
use gateway::local::{ExplainError, bare_token, explain_token_with};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::check::valid_policy;
use super::policy_rules::{RequestLine, check_requests};
use crate::backend::Backend;
use crate::problem::Problem;

/// The time for one explanation, with the calls of issuers.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most explanations at once.
const MAX_CONCURRENT: usize = 2;

static SLOTS: Semaphore = Semaphore::const_new(MAX_CONCURRENT);

/// A request to explain a token. It has no `Debug`, because the token is a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainTokenRequest {
    /// The policy as JSON.
    text: String,
    token: String,
    #[serde(default)]
    requests: Vec<RequestLine>,
}

/// Explains a token as `tollgate token explain` does. The token is neither stored nor logged.
///
/// Secrets that the policy refers to are not read: with a policy from the page, the console would send
/// them to any server that the policy names.
///
/// # Errors
/// 400 if the token or a request is invalid, 422 if the policy is invalid or needs a secret, 503 if
/// other explanations are running, 504 after the timeout.
pub(crate) async fn explain_token(
    backend: &Backend,
    request: ExplainTokenRequest,
) -> Result<TokenExplanation, Problem> {
    check_requests(&request.requests)?;
    let token = bare_token(&request.token)
        .map_err(|error| Problem::bad_request(format!("token: {error}.")))?;
    let (_, document) = valid_policy(backend, &request.text)
        .map_err(|mistakes| Problem::invalid_document("The policy is invalid.", mistakes))?;
    check_secrets(&document)?;

    let Ok(_slot) = SLOTS.try_acquire() else {
        let detail = "Other tokens are being explained. Try again in a few seconds.";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    };
    let requests = request.requests.into_iter();
    let requests: Vec<_> = requests.map(|line| (line.method, line.path)).collect();
    // Nothing is logged: this is not the policy in force.
    let explaining = explain_token_with(&request.text, token, &requests, std::io::sink())
        .with_subscriber(NoSubscriber::default());
    let explained = tokio::time::timeout(TIMEOUT, Box::pin(explaining)).await;
    explained
        .map_err(|_| timed_out())?
        .map_err(|error| failure(&error))
}

/// Checks that tokens can be verified without a secret.
fn check_secrets(document: &Value) -> Result<(), Problem> {
    let issuers = document["issuers"].as_array().into_iter().flatten();
    let of_issuers = issuers.enumerate().filter_map(|(index, issuer)| {
        issuer.get("secret")?;
        Some(format!("issuers[{index}].secret"))
    });
    let of_introspection = ["client_secret", "client_key"]
        .into_iter()
        .filter_map(|name| {
            document["introspection"].get(name)?;
            Some(format!("introspection.{name}"))
        });

    match of_issuers.chain(of_introspection).next() {
        None => Ok(()),
        Some(field) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!(
                "The policy refers to a secret in `{field}`. The console does not read secrets: use \
                 `tollgate token explain --policy FILE` instead."
            ),
        )),
    }
}

fn timed_out() -> Problem {
    let seconds = TIMEOUT.as_secs();
    let detail = format!("An issuer of the policy did not respond within {seconds} s.");
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
}

fn failure(error: &ExplainError) -> Problem {
    let detail = format!("The token cannot be explained: {error}.");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: &str = r#""rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]"#;

    fn policy(fields: &str) -> String {
        let issuer = r#"{"issuer": "https://idp.example", "audiences": ["a"], "default_plan": "free",
            "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "1",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        format!("{{\"issuers\": [{issuer}{fields}}}], {RULES}}}")
    }

    async fn explain(text: &str, token: &str) -> Result<Value, Value> {
        let request = json!({"text": text, "token": token,
            "requests": [{"method": "GET", "path": "/orders"}]});
        let request = serde_json::from_value(request).unwrap();
        let explained = explain_token(&Backend::local(&crate::Local::new("0.0.0")), request).await;
        explained
            .map(|explanation| serde_json::to_value(explanation).unwrap())
            .map_err(|problem| serde_json::to_value(problem).unwrap())
    }

    #[tokio::test]
    async fn checks_of_a_token_are_listed() {
        // {"alg":"none"} and {}
        let explanation = explain(&policy(""), "Bearer eyJhbGciOiJub25lIn0.e30.").await;
        let explanation = explanation.unwrap();
        assert_eq!(explanation["accepted"], false);
        assert!(!explanation["checks"].as_array().unwrap().is_empty());
    }

    #[tokio::test]
    async fn secrets_of_a_policy_are_not_read() {
        let with_secret = policy(r#", "secret": "env:HOME""#);
        let with_secret = with_secret.replace("\"jwks\"", "\"x\"");
        let introspection = r#"{"introspection": {"endpoint": "https://a.example", "client_id": "a",
            "client_secret": "env:HOME", "default_plan": "free"}, "rules": []}"#;
        let problem = explain(introspection, "a.b.c").await.unwrap_err();
        assert_eq!(problem["status"], 422);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("introspection.client_secret"), "{detail}");
        assert!(explain(&with_secret, "a.b.c").await.is_err());
    }

    #[tokio::test]
    async fn secret_of_a_front_is_not_needed() {
        let text = policy("").replacen('{', r#"{"front": {"secret": "env:NOT_SET"}, "#, 1);
        let explanation = explain(&text, "a.b.c").await.unwrap();
        let checks = explanation["checks"].to_string();
        assert!(checks.contains(r#""check":"front""#), "{checks}");
    }

    #[tokio::test]
    async fn invalid_token_is_not_repeated() {
        for token in [
            "",
            "null",
            "{\"hush\": 1}",
            "hush hush hush",
            &"hush".repeat(20_000),
        ] {
            let problem = explain(&policy(""), token).await.unwrap_err();
            assert_eq!(problem["status"], 400, "{problem}");
            assert!(!problem.to_string().contains("hush"), "{problem}");
        }
    }
}
