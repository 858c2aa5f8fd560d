//! Failed calls of AWS services.

use aws::CallError;
use bytes::Bytes;
use http::Response;
use serde_json::Value;

use crate::credentials_error::CredentialsError;
use crate::problem::one_line;
use crate::target::TargetError;
use crate::xml;

/// The longest message of a service that is shown, in characters.
const MAX_MESSAGE_CHARS: usize = 600;

/// A call of an AWS service that failed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The address of the service is invalid.
    #[error(transparent)]
    Address(#[from] TargetError),
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request cannot be signed.
    #[error("the request cannot be signed")]
    Signature,
    /// There was no response.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The service responded with an error.
    #[error("{}", refusal(service, *status, code, message))]
    Refused {
        /// The name of the service.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code, such as `AccessDenied`.
        code: String,
        /// The message of the service.
        message: String,
    },
    /// The response is not as documented.
    #[error("{service}: unexpected response: {problem}")]
    Unexpected {
        /// The name of the service.
        service: &'static str,
        /// The problem with the response.
        problem: &'static str,
    },
}

impl AwsError {
    /// Returns the error of a response, in the XML or the JSON of AWS.
    #[must_use]
    pub fn of_response(service: &'static str, response: &Response<Bytes>) -> Self {
        let (code, message) = code_and_message(response);
        let message: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
        Self::Refused {
            service,
            status: response.status().as_u16(),
            code: one_line(&code),
            message: one_line(&message),
        }
    }

    /// True if the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Refused { status, code, .. } => {
                *status == 429 || *status >= 500 || code.starts_with("Throttl")
            }
            _ => false,
        }
    }

    /// True if the service refused the call for lack of a permission.
    /// EC2 and SNS have codes of their own for it. A response to `HEAD` has no code.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        let Self::Refused { status, code, .. } = self else {
            return false;
        };
        let has_code = [
            "AccessDenied",
            "UnauthorizedOperation",
            "AuthorizationError",
        ]
        .into_iter()
        .any(|denial| code.starts_with(denial));
        has_code || (*status == 403 && code.is_empty())
    }

    /// True if there are no credentials to sign the call with.
    #[must_use]
    pub const fn is_without_credentials(&self) -> bool {
        matches!(self, Self::Credentials(_))
    }

    /// True if the service responded that the object is in another region, as Amazon S3 does.
    #[must_use]
    pub const fn is_redirect(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 301 | 307,
                ..
            }
        )
    }

    /// True if the service responded that the object of the call does not exist.
    /// SQS has codes of its own for it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let Self::Refused { status, code, .. } = self else {
            return false;
        };
        let has_code = ["NotFound", "DoesNotExist", "NonExistent"]
            .into_iter()
            .any(|missing| code.contains(missing));
        has_code || *status == 404
    }
}

fn code_and_message(response: &Response<Bytes>) -> (String, String) {
    let text = String::from_utf8_lossy(response.body());
    if let Ok(body) = serde_json::from_str::<Value>(&text) {
        let header = response.headers().get("x-amzn-errortype");
        let code = header
            .and_then(|value| value.to_str().ok())
            .or_else(|| body["__type"].as_str())
            .unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str());
        let name = code.split(':').next().unwrap_or_default();
        let name = name.rsplit('#').next().unwrap_or_default();
        return (name.to_owned(), message.unwrap_or_default().to_owned());
    }

    let found = xml::texts(&text, &["Code", "Message"]).unwrap_or_default();
    let first = |name: &str| {
        let found = found.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    (first("Code"), first("Message"))
}

/// Returns the message for an error response. Errors of signatures name the next step.
fn refusal(service: &str, status: u16, code: &str, message: &str) -> String {
    let said = match (code, message) {
        ("", "") => format!("status {status}"),
        (code, "") => code.to_owned(),
        ("", message) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    match signature_problem(code, message) {
        Some(problem) => format!("{service}: {problem} ({said})"),
        None => format!("{service}: {said}"),
    }
}

/// Returns the meaning of an error about the signature of a request, or `None` for other errors.
pub(crate) fn signature_problem(code: &str, message: &str) -> Option<&'static str> {
    let has = |text: &str| message.contains(text) || code.contains(text);
    if has("Signature expired") || has("Signature not yet current") || has("RequestTimeTooSkewed") {
        Some("the clock of this machine is wrong, set it")
    } else if has("ExpiredToken") || has("security token included in the request is expired") {
        Some("the AWS credentials have expired, get new ones")
    } else if has("InvalidClientTokenId")
        || has("UnrecognizedClient")
        || has("security token included in the request is invalid")
    {
        Some("AWS does not know these credentials")
    } else if has("SignatureDoesNotMatch") || has("signature we calculated does not match") {
        Some("the secret access key does not belong to the access key id")
    } else if has("Credential should be scoped to a valid region") {
        Some("the API is in another region, select it with --region")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: u16, header: Option<&str>, body: &'static str) -> String {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = status.try_into().unwrap();
        if let Some(header) = header {
            let headers = response.headers_mut();
            headers.insert("x-amzn-errortype", header.parse().unwrap());
        }
        AwsError::of_response("sts", &response).to_string()
    }

    #[test]
    fn errors_in_xml_and_json_are_read() {
        let xml = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                   <Message>User: arn:u is not authorized</Message></Error></ErrorResponse>";
        let expected = "sts: AccessDenied: User: arn:u is not authorized";
        assert_eq!(text(403, None, xml), expected);
        let json = r#"{"message":"User: arn:u is not authorized"}"#;
        let code = Some("AccessDenied:http://internal.amazon.com/");
        assert_eq!(text(403, code, json), expected);
        let typed =
            r#"{"__type":"com.amazon#AccessDenied","Message":"User: arn:u is not authorized"}"#;
        assert_eq!(text(403, None, typed), expected);
        assert_eq!(text(502, None, "<html>"), "sts: status 502");
    }

    #[test]
    fn missing_objects_are_recognized() {
        for (status, code, expected) in [
            (404, "", true),
            (400, "ResourceNotFoundException", true),
            (400, "com.amazonaws.sqs#QueueDoesNotExist", true),
            (400, "AWS.SimpleQueueService.NonExistentQueue", true),
            (400, "ValidationError", false),
            (403, "AccessDenied", false),
        ] {
            let body = format!(r#"{{"__type": "{code}"}}"#);
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = status.try_into().unwrap();
            let error = AwsError::of_response("sqs", &response);
            assert_eq!(error.is_not_found(), expected, "{code}");
        }
    }

    #[test]
    fn errors_of_signatures_name_the_next_step() {
        for (body, problem) in [
            (
                r#"{"message":"Signature expired: 20261129T1 is now earlier"}"#,
                "the clock",
            ),
            (
                r#"{"message":"The security token included in the request is expired"}"#,
                "have expired",
            ),
            (
                r#"{"message":"The security token included in the request is invalid."}"#,
                "does not know these credentials",
            ),
            (
                r#"{"message":"Credential should be scoped to a valid region. "}"#,
                "--region",
            ),
            (
                r#"{"message":"The request signature we calculated does not match the signature you provided."}"#,
                "secret access key",
            ),
        ] {
            let text = text(403, None, body);
            assert!(text.contains(problem), "{text}");
        }
    }
}
