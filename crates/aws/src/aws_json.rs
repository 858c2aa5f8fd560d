//! Single signed calls of AWS services that use the AWS JSON 1.1 protocol.
//!
//! An SDK client adds a megabyte to the package and milliseconds to each cold start. The calls made
//! here are reads every few minutes, and each is one signed POST.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use bytes::Bytes;
use environment::SettingError;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Uri};
use serde_json::Value;
use telemetry::RecordLog;
use tokio::time::{Instant, timeout};

use crate::call_error::CallError;
use crate::connections::Connections;
use crate::deadline::Deadline;
use crate::endpoint::Endpoints;
use crate::error_response::ErrorResponse;
use crate::explanation::is_error_code;
use crate::failure::Failure;
use crate::fate::Fate;
use crate::http_calls::{HttpCall, HttpCalls};
use crate::replay::Replay;
use crate::sdk::AwsCalls;
use crate::signature::sign;
use crate::timeouts::{CONNECT_TIMEOUT, Timeouts};

/// The largest response. Secrets have at most 64 KiB.
const MAX_BODY_BYTES: usize = 256 * 1_024;
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(2);

/// A client for single operations of any AWS service.
#[derive(Debug)]
pub struct AwsJson {
    calls: HttpCalls,
    endpoints: Endpoints,
    credentials: SharedCredentialsProvider,
}

/// An operation of an AWS service.
#[derive(Debug, Clone, Copy)]
pub struct AwsOperation<'o> {
    /// The service's name in its endpoint and in signatures: `ssm`, `secretsmanager`.
    pub service: &'static str,
    /// The operation's name in call records.
    pub operation: &'static str,
    /// The value of the header `x-amz-target`.
    pub target: &'static str,
    /// The region. The function's own if missing.
    pub region: Option<&'o str>,
}

/// A failed operation. It contains neither the request nor the response.
#[derive(Debug, thiserror::Error)]
pub enum AwsJsonError {
    /// There was no response.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There are no credentials to sign with.
    #[error("no AWS credentials found")]
    Credentials,
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Signature,
    /// The service returned an error.
    #[error("{service} responded with {code} (status {status})")]
    Service {
        /// The service.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code, or `no error code`.
        code: String,
    },
    /// The response is not JSON.
    #[error("the response is not JSON")]
    InvalidJson,
}

impl AwsJsonError {
    /// True if the same call may succeed later without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => {
                error.is_retryable() || matches!(error, CallError::NoTimeLeft { .. })
            }
            Self::Service { status, code, .. } => Failure::of_aws(*status, code).is_transient(),
            Self::Credentials => true,
            Self::Signature | Self::InvalidJson => false,
        }
    }
}

impl AwsJson {
    /// Reads region, endpoints and credentials as [`AwsCalls::load`] does.
    ///
    /// # Errors
    /// [`CallError::Setting`] for the first setting that is missing or invalid.
    pub async fn load(
        lookup: impl Fn(&str) -> Option<String>,
        records: RecordLog,
    ) -> Result<Self, CallError> {
        let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records.clone())).await?;
        let credentials = aws
            .credentials()
            .ok_or(SettingError::Missing("AWS_ACCESS_KEY_ID"))?;
        Ok(Self {
            calls: HttpCalls::new(Connections::new(CONNECT_TIMEOUT), records, MAX_BODY_BYTES),
            endpoints: aws.endpoints().clone(),
            credentials,
        })
    }

    /// Calls a read-only operation. The VPC endpoint is tried first if there is one.
    ///
    /// # Errors
    /// [`AwsJsonError`] if the call fails or the deadline passes.
    pub async fn read(
        &self,
        operation: AwsOperation<'_>,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Value, AwsJsonError> {
        let region = operation.region.unwrap_or(&self.endpoints.region);
        let mut addresses = self.endpoints.all_in(operation.service, region).into_iter();
        let first = addresses
            .next()
            .ok_or(CallError::Address("not an AWS service"))?;

        let mut outcome = self.send(operation, region, first, body, deadline).await;
        for address in addresses {
            let unsent = matches!(&outcome, Err(AwsJsonError::Call(error)) if error.fate() == Fate::NotApplied);
            if !unsent {
                break;
            }
            outcome = self.send(operation, region, address, body, deadline).await;
        }

        result(operation.service, &outcome?)
    }

    async fn send(
        &self,
        operation: AwsOperation<'_>,
        region: &str,
        address: Uri,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Response<Bytes>, AwsJsonError> {
        let request = self
            .signed(operation, region, address, body.to_string(), deadline)
            .await?;
        let AwsOperation {
            service, operation, ..
        } = operation;
        let call = HttpCall {
            service: service.into(),
            operation,
            request,
            replay: Replay::Once,
        };
        Ok(self.calls.send(call, deadline).await?)
    }

    async fn signed(
        &self,
        operation: AwsOperation<'_>,
        region: &str,
        address: Uri,
        body: String,
        deadline: Deadline,
    ) -> Result<Request<Bytes>, AwsJsonError> {
        let limit = CREDENTIALS_TIMEOUT.min(deadline.remaining(Instant::now().into_std()));
        let credentials = timeout(limit, self.credentials.provide_credentials()).await;
        let credentials = credentials
            .ok()
            .and_then(Result::ok)
            .ok_or(AwsJsonError::Credentials)?;

        let mut request = Request::post(address)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", operation.target)
            .body(Bytes::from(body))
            .map_err(|_| AwsJsonError::Signature)?;
        let now = SystemTime::now();
        sign(&mut request, &credentials, operation.service, region, now)
            .map_err(|_| AwsJsonError::Signature)?;
        Ok(request)
    }
}

fn result(service: &'static str, response: &Response<Bytes>) -> Result<Value, AwsJsonError> {
    if response.status() == http::StatusCode::OK {
        return serde_json::from_slice(response.body()).map_err(|_| AwsJsonError::InvalidJson);
    }

    let code = ErrorResponse::of_http(response).code;
    let code = code.filter(|code| is_error_code(code));
    let code = code.unwrap_or_else(|| "no error code".to_owned());

    Err(AwsJsonError::Service {
        service,
        status: response.status().as_u16(),
        code,
    })
}
