//! Reads secrets that AWS keeps, from Systems Manager and Secrets Manager.
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

/// Within what API Gateway waits for an authorizer, a call to the authorization server included.
const READ_TIMEOUT: Duration = Duration::from_secs(4);

/// Reads secrets. The calls are set up when the first one is read.
pub(crate) struct SecretReader {
    environment: Environment,
    records: Box<dyn Fn() -> RecordLog + Send + Sync>,
    aws: OnceCell<AwsJson>,
}

/// Why a secret cannot be read. Names the reference and never the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {reference}: {problem}")]
pub(crate) struct SecretError {
    pub(crate) reference: String,
    pub(crate) problem: String,
    /// True if the same read may succeed later without anybody changing anything.
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

    /// The secret that is kept there now.
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
            _ => Err(failed("it holds no text".to_owned(), false)),
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

/// The operation that reads it, its body, and where the secret is in the response.
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
        AwsJsonError::Refused { code, .. } if code == "AccessDeniedException" => {
            format!(
                "{error}; the function's role needs permission, see the template's parameter SecretArns"
            )
        }
        _ => error.to_string(),
    }
}
