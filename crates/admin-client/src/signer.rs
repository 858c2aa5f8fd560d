//! Signatures of requests to the admin API.

use std::sync::Arc;
use std::time::SystemTime;

use aws::HttpCalls;
use bytes::Bytes;
use http::Request;

use crate::aws_api::AwsApi;
use crate::credentials::AwsCredentials;
use crate::environment::Environment;
use crate::error::ClientError;

/// The name of API Gateway's APIs in signatures.
const SERVICE: &str = "execute-api";

/// Signs requests for one region.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) credentials: Arc<AwsCredentials>,
    pub(crate) region: String,
}

impl Signer {
    /// Signs a request.
    ///
    /// # Errors
    /// [`ClientError`] if there are no credentials.
    pub(crate) async fn sign(&self, request: &mut Request<Bytes>) -> Result<(), ClientError> {
        let credentials = self.credentials.get().await?;
        let now = SystemTime::now();
        aws::sign(request, &credentials, SERVICE, &self.region, now)
            .map_err(|_| ClientError::Signature)
    }

    /// Returns the services of the same account and region.
    pub(crate) fn aws(&self, calls: &HttpCalls) -> AwsApi {
        AwsApi {
            calls: calls.clone(),
            credentials: Arc::clone(&self.credentials),
            region: self.region.clone(),
            environment: Environment::process(),
        }
    }
}
