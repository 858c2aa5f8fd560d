//! Read-only calls of the AWS services of one account and region.

use bytes::Bytes;
use http::{Request, Response};

use crate::aws_api::{AwsApi, AwsService};
use crate::aws_error::AwsError;
use crate::error::ClientError;
use crate::options::TargetOptions;

/// An account and region of AWS. Clones share connections and credentials.
#[derive(Clone, Debug)]
pub struct AwsAccount {
    aws: AwsApi,
}

impl AwsAccount {
    /// Selects the account and region by `profile` and `region` of the options, or else by the
    /// environment. Nothing is sent.
    ///
    /// # Errors
    /// [`ClientError`] if there is no region, or a setting of the environment is invalid.
    pub async fn connect(options: &TargetOptions) -> Result<Self, ClientError> {
        let aws = AwsApi::connect(options).await?;
        Ok(Self { aws })
    }

    /// Returns the region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.aws.region
    }

    /// Makes a read-only call and returns the response if it is successful. `request` has a path
    /// instead of a URL, and is signed. Throttled and failed calls are repeated.
    ///
    /// # Errors
    /// [`AwsError`] if there are no credentials, no response, or an error response.
    pub async fn read(
        &self,
        service: AwsService,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, AwsError> {
        self.aws.read(service, request).await
    }
}
