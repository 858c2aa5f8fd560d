//! The identity that requests are signed as.

use std::time::Duration;

use crate::aws_api::{AwsApi, AwsService, configured_address};
use crate::stack::query;
use crate::xml;

const STS: AwsService = AwsService {
    name: "sts",
    endpoint_variable: "AWS_ENDPOINT_URL_STS",
};
/// The time for the question, which only makes an error message better.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the ARN of the user or role whose credentials sign requests. `None` if it cannot be
/// found out, or if the API is on this machine and AWS is not.
///
/// The operation `GetCallerIdentity` needs no permission.
pub(crate) async fn caller(aws: &AwsApi, api_is_local: bool) -> Option<String> {
    let has_local_sts = || {
        let address = configured_address(STS, |name| aws.environment.get(name));
        matches!(address, Ok(Some(address)) if address.is_loopback())
    };
    if api_is_local && !has_local_sts() {
        return None;
    }

    let body = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
    let response = tokio::time::timeout(TIMEOUT, query(aws, STS, body)).await;
    let response = response.ok()?.ok()?;
    let text = std::str::from_utf8(response.body()).ok()?;
    let found = xml::texts(text, &["Arn"]).ok()?;
    found.into_iter().next().map(|(_, arn)| arn)
}
