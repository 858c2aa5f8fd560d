//! Error codes of AWS services.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;

/// Error codes by which AWS services throttle: the SDK's own list
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

/// DynamoDB's code for a condition that did not hold: an answer to the question, not a failure of
/// the call.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// The error code of an AWS JSON answer: header `x-amzn-errortype`, else the body's `__type` or
/// `code`, without namespace and URI (AWS JSON 1.0 protocol, "Operation error serialization").
pub(crate) fn error_code(response: &HttpResponse) -> Option<String> {
    let header = response.headers().get("x-amzn-errortype");
    json_error_code(header, response.body().bytes().unwrap_or_default())
}

/// The same, of a header and a body.
pub(crate) fn json_error_code(header: Option<&str>, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(alias = "code")]
        __type: String,
    }
    let named = match header {
        Some(header) => header.to_owned(),
        None => serde_json::from_slice::<Typed>(body).ok()?.__type,
    };
    let name = named.rsplit('#').next()?.split(':').next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    #[test]
    fn an_error_code_comes_from_the_header_or_the_body_without_its_namespace() {
        for body in [
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","Item":{}}"#,
            r#"{"code":"ThrottlingException"}"#,
            r#"{"__type":"ThrottlingException:http://internal.amazon.com/"}"#,
        ] {
            assert_eq!(
                error_code(&answer(400, body)).as_deref(),
                Some("ThrottlingException"),
                "{body}"
            );
        }
        let mut named = answer(400, r#"{"__type":"Other"}"#);
        named
            .headers_mut()
            .insert("x-amzn-errortype", "ThrottlingException:");
        assert_eq!(error_code(&named).as_deref(), Some("ThrottlingException"));
        assert_eq!(error_code(&answer(500, "<html>")), None);
    }
}
