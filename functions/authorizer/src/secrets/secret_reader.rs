//! Reads secrets from Systems Manager and Secrets Manager.
//!
//! IAM if SecretArns is set: secretsmanager:GetSecretValue, ssm:GetParameter on SecretArns
//! IAM if SecretArns is set: kms:Decrypt on *

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{AwsJson, AwsJsonError, AwsOperation, Deadline};
use policy::{Environment, SecretPlace};
use serde_json::{Value, json};
use telemetry::RecordLog;
use tokio::sync::OnceCell;

/// The time for one read. Together with a call to the authorization server it stays below the 10 s
/// that API Gateway waits.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Reads secrets. The AWS client is set up for the first read.
pub(crate) struct SecretReader {
    environment: Environment,
    records: Box<dyn Fn() -> RecordLog + Send + Sync>,
    aws: OnceCell<AwsJson>,
}

/// The reason why a secret cannot be read. Names the reference and never the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {reference}: {problem}")]
pub(crate) struct SecretError {
    pub(crate) reference: String,
    pub(crate) problem: String,
    /// True if the same read may succeed later.
    pub(crate) is_transient: bool,
}

impl SecretReader {
    pub(crate) fn new(
        environment: Environment,
        records: impl Fn() -> RecordLog + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            environment,
            records: Box::new(records),
            aws: OnceCell::new(),
        })
    }

    /// Reads the current value of a secret.
    pub(crate) async fn read(&self, place: &SecretPlace) -> Result<String, SecretError> {
        let failed = |problem: String, is_transient| SecretError {
            reference: place.to_string(),
            problem,
            is_transient,
        };
        let deadline = Deadline::after(Instant::now(), READ_TIMEOUT);
        let aws = self
            .aws
            .get_or_try_init(|| self.open())
            .await
            .map_err(|error| failed(error.to_string(), false))?;

        let (operation, body, pointer) = request(place);
        let response = aws.read(operation, &body, deadline).await;
        let response = response.map_err(|error| failed(explained(&error), error.is_transient()))?;

        match response.pointer(pointer).and_then(Value::as_str) {
            Some(secret) if !secret.is_empty() => Ok(secret.to_owned()),
            _ => Err(failed("it contains no string".to_owned(), false)),
        }
    }

    async fn open(&self) -> Result<AwsJson, aws::CallError> {
        Box::pin(AwsJson::load(
            |name| (self.environment)(name),
            (self.records)(),
        ))
        .await
    }
}

impl fmt::Debug for SecretReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecretReader")
            .finish_non_exhaustive()
    }
}

/// Returns the operation that reads a secret, its body, and the position of the secret in the
/// response.
fn request(place: &SecretPlace) -> (AwsOperation<'_>, Value, &'static str) {
    match place {
        SecretPlace::Parameter(name) => {
            let operation = AwsOperation {
                service: "ssm",
                operation: "GetParameter",
                target: "AmazonSSM.GetParameter",
                region: None,
            };
            (
                operation,
                json!({"Name": name, "WithDecryption": true}),
                "/Parameter/Value",
            )
        }
        SecretPlace::Secret { arn, region } => {
            let operation = AwsOperation {
                service: "secretsmanager",
                operation: "GetSecretValue",
                target: "secretsmanager.GetSecretValue",
                region: Some(region),
            };
            (operation, json!({ "SecretId": arn }), "/SecretString")
        }
    }
}

fn explained(error: &AwsJsonError) -> String {
    match error {
        AwsJsonError::Service { code, .. } if code == "AccessDeniedException" => {
            format!(
                "{error}; the function's role needs permission, see the template's parameter SecretArns"
            )
        }
        _ => error.to_string(),
    }
}
