//! Single calls to AWS services that speak JSON, signed by hand.
//!
//! An SDK client of a service adds a megabyte and milliseconds to each start. What is called here
//! is one read every few minutes: one POST with a signature (AWS JSON 1.1 protocol).

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{Request, Response, Uri};
use serde_json::Value;
use telemetry::RecordLog;
use tokio::time::{Instant, timeout};

use crate::call_error::CallError;
use crate::connections::Connections;
use crate::deadline::Deadline;
use crate::endpoint::Endpoints;
use crate::error_code::json_error_code;
use crate::failure::Failure;
use crate::fate::Fate;
use crate::http_calls::{HttpCall, HttpCalls};
use crate::replay::Replay;
use crate::sdk::AwsCalls;
use crate::timeouts::{CONNECT_TIMEOUT, Timeouts};

/// The largest response, in bytes. Secrets have at most 64 KiB.
const MAX_BODY_BYTES: usize = 256 * 1_024;
/// How long credentials may take.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(2);

/// Calls AWS services without a client of theirs.
#[derive(Debug)]
pub struct AwsJson {
    calls: HttpCalls,
    endpoints: Endpoints,
    credentials: SharedCredentialsProvider,
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct AwsOperation<'o> {
    /// The service, as its endpoint and its signature name it: `ssm`, `secretsmanager`.
    pub service: &'static str,
    /// The operation, as it appears in call records.
    pub operation: &'static str,
    /// The header `x-amz-target`.
    pub target: &'static str,
    /// The region; by default the function's own.
    pub region: Option<&'o str>,
}

/// Why an operation has no result. Holds neither the request nor the response.
#[derive(Debug, thiserror::Error)]
pub enum AwsJsonError {
    /// No response.
    #[error(transparent)]
    Call(#[from] CallError),
    /// No credentials to sign with.
    #[error("there are no AWS credentials")]
    Credentials,
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Signature,
    /// The service refuses the operation, or cannot carry it out.
    #[error("{service} responded with {code} (status {status})")]
    Refused {
        /// The service.
        service: &'static str,
        /// The status of the response.
        status: u16,
        /// The code of the error, or `no error code`.
        code: String,
    },
    /// The response is not JSON.
    #[error("the response is not JSON")]
    Shape,
}

impl AwsJsonError {
    /// Returns whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.retryable() || matches!(error, CallError::NoTimeLeft { .. }),
            Self::Refused { status, code, .. } => Failure::of_aws(*status, code).is_transient(),
            Self::Credentials => true,
            Self::Signature | Self::Shape => false,
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
            .ok_or_else(|| CallError::setting("AWS_ACCESS_KEY_ID", "is not set"))?;
        Ok(Self {
            calls: HttpCalls::new(Connections::new(CONNECT_TIMEOUT), records, MAX_BODY_BYTES),
            endpoints: aws.endpoints().clone(),
            credentials,
        })
    }

    /// Calls an operation that only reads, at the VPC endpoint first if there is one.
    ///
    /// # Errors
    /// [`AwsJsonError`] if there is no result by the deadline.
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
            .ok_or(CallError::Address("not a service of AWS"))?;

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
            service,
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
        let identity = credentials
            .ok()
            .and_then(Result::ok)
            .ok_or(AwsJsonError::Credentials)?
            .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(operation.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| AwsJsonError::Signature)?;

        let host = address
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let url = address.to_string();
        let headers = [
            ("host", host.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", operation.target),
        ];
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let signed = sign(
            signable.map_err(|_| AwsJsonError::Signature)?,
            &params.into(),
        );
        let (instructions, _) = signed.map_err(|_| AwsJsonError::Signature)?.into_parts();

        let mut request = Request::post(address)
            .header(HOST, &host)
            .header(CONTENT_TYPE, headers[1].1)
            .header("x-amz-target", operation.target)
            .body(Bytes::from(body))
            .map_err(|_| AwsJsonError::Signature)?;
        for (name, value) in instructions.headers() {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| AwsJsonError::Signature)?;
            let mut value = HeaderValue::from_str(value).map_err(|_| AwsJsonError::Signature)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

fn result(service: &'static str, response: &Response<Bytes>) -> Result<Value, AwsJsonError> {
    if response.status() == http::StatusCode::OK {
        return serde_json::from_slice(response.body()).map_err(|_| AwsJsonError::Shape);
    }
    let header = response
        .headers()
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let code = json_error_code(header, response.body()).filter(|code| is_code(code));
    let code = code.unwrap_or_else(|| "no error code".to_owned());
    Err(AwsJsonError::Refused {
        service,
        status: response.status().as_u16(),
        code,
    })
}

/// Error codes are words; what is not may be anything.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
