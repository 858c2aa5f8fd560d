//! Error codes of AWS services.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;

/// The error codes of throttles, which are those of the SDK
/// (`aws_runtime::retries::classifiers::THROTTLING_ERRORS`).
pub(crate) const THROTTLING_CODES: [&str; 14] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];

/// DynamoDB's error code for a failed condition. The call itself succeeded.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// Returns the error code of an AWS JSON response.
///
/// The code is in the header `x-amzn-errortype`, or else in the body's `__type` or `code`. Its
/// namespace and URI are removed (AWS JSON 1.0 protocol, "Operation error serialization").
pub(crate) fn error_code(response: &HttpResponse) -> Option<String> {
    let header = response.headers().get("x-amzn-errortype");
    json_error_code(header, response.body().bytes().unwrap_or_default())
}

/// Returns the error code from the header `x-amzn-errortype` and the body.
pub(crate) fn json_error_code(header: Option<&str>, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        #[serde(alias = "code")]
        __type: String,
    }

    let full_name = match header {
        Some(header) => header.to_owned(),
        None => serde_json::from_slice::<ErrorBody>(body).ok()?.__type,
    };
    let name = full_name.rsplit('#').next()?.split(':').next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn response(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    #[test]
    fn error_code_comes_from_the_header_or_the_body() {
        for body in [
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","Item":{}}"#,
            r#"{"code":"ThrottlingException"}"#,
            r#"{"__type":"ThrottlingException:http://internal.amazon.com/"}"#,
        ] {
            assert_eq!(
                error_code(&response(400, body)).as_deref(),
                Some("ThrottlingException"),
                "{body}"
            );
        }
        let mut response_with_header = response(400, r#"{"__type":"Other"}"#);
        response_with_header
            .headers_mut()
            .insert("x-amzn-errortype", "ThrottlingException:");

        assert_eq!(
            error_code(&response_with_header).as_deref(),
            Some("ThrottlingException")
        );
        assert_eq!(error_code(&response(500, "<html>")), None);
    }
}
