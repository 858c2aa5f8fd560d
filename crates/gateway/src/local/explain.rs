//! Explains a token with the policy in a file.

use std::path::Path;
use std::sync::Arc;

use authorizer::{Authorizer, Failure, TokenExplanation};
use limits::check_name as check_plan_name;
use policy::UNREAD_SECRET;
use serde_json::{Map, Value, json};
use telemetry::RecordLog;

use super::StartError;
use super::functions::PolicyFile;
use crate::function::{FunctionError, open_authorizer};

/// The variable with a stand-in for a secret that is not read.
const UNREAD_VARIABLE: &str = "TOLLGATE_UNREAD_SECRET";

/// The reasons why a token cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The policy cannot be read or is invalid.
    #[error(transparent)]
    Policy(#[from] StartError),
    /// The authorizer failed.
    #[error("{0}")]
    Failure(#[from] Failure),
}

/// Explains a token with the policy in a file, as the authorizer of a local gateway with this policy
/// would decide. `requests` are methods and paths, whose rules the token is checked against.
///
/// Signing keys are fetched, and an introspection server is asked, as for a request. Plans are not
/// looked up.
///
/// # Errors
/// [`ExplainError`] if the policy cannot be read, or is invalid.
pub async fn explain_token(
    policy: &Path,
    token: &str,
    requests: &[(String, String)],
    records: impl std::io::Write + Send + 'static,
) -> Result<TokenExplanation, ExplainError> {
    let file = PolicyFile::read(policy)?;
    let authorizer = authorizer(&file.text, records).await;
    let authorizer = authorizer.map_err(|error| file.start_error(error))?;
    Ok(authorizer.explain(token, requests).await?)
}

/// Explains a token with the text of a policy, as [`explain_token`] does. The secret of a front is not
/// read, because requests are not checked.
///
/// # Errors
/// [`ExplainError`] if the policy is invalid.
pub async fn explain_token_with(
    policy: &str,
    token: &str,
    requests: &[(String, String)],
    records: impl std::io::Write + Send + 'static,
) -> Result<TokenExplanation, ExplainError> {
    let policy = without_front_secret(policy);
    let authorizer = authorizer(&policy, records).await;
    let authorizer = authorizer.map_err(StartError::from)?;
    Ok(authorizer.explain(token, requests).await?)
}

/// Opens an authorizer with a policy.
async fn authorizer(
    policy: &str,
    records: impl std::io::Write + Send + 'static,
) -> Result<Authorizer, FunctionError> {
    let (text, key_header) = (policy.to_owned(), key_header(policy));
    let seeds = seeds(policy);
    let setting = move |name: &str| match name {
        "AUTH_POLICY" => Some(text.clone()),
        "EMBEDDED_STORE" => Some(seeds.clone()),
        "KEY_HEADER" => key_header.clone(),
        UNREAD_VARIABLE => Some(UNREAD_SECRET.to_owned()),
        // The decision is shown also if it is allowed.
        "LOG_DECISIONS" => Some("all".to_owned()),
        _ => None,
    };

    open_authorizer(None, Arc::new(setting), RecordLog::to(records)).await
}

/// Returns seeds with the plans that the policy names. The authorizer warns of missing plans, and the
/// plans of the deployed store are not known here.
fn seeds(policy: &str) -> String {
    let named = policy::named_plans(policy).unwrap_or_default();
    let names = named.into_iter().map(|named| named.plan);
    let plan = json!({"throttle": {"rate": 1, "burst": 1}});
    let plans: Map<String, Value> = names
        .filter(|name| check_plan_name(name).is_ok())
        .map(|name| (name, plan.clone()))
        .collect();
    json!({ "plans": plans }).to_string()
}

/// Replaces the reference to the secret of a front. Other texts stay as they are.
fn without_front_secret(policy: &str) -> String {
    let mut document: Value = match serde_json::from_str(policy) {
        Ok(document) => document,
        Err(_) => return policy.to_owned(),
    };
    match document.pointer_mut("/front/secret") {
        Some(secret) => *secret = format!("env:{UNREAD_VARIABLE}").into(),
        None => return policy.to_owned(),
    }
    document.to_string()
}

/// Returns the header of API keys in a policy. With any other `KEY_HEADER` the policy is invalid.
pub(super) fn key_header(policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    Some(policy.pointer("/api_keys/header")?.as_str()?.to_owned())
}
