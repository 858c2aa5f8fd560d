//! Error responses of AWS services in the protocols that the SDK clients use.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;
use telemetry::ErrorKind;

use crate::error_code::kind_of;

/// The greatest part of a body that is read, in bytes. Error responses are shorter.
const MAX_BODY_BYTES: usize = 16 * 1_024;

/// The error code and message of a response. Both may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorResponse {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl ErrorResponse {
    /// Reads a response of an SDK client.
    pub(crate) fn of_sdk(response: &HttpResponse) -> Self {
        let header = |name| response.headers().get(name);
        Self::read(header, response.body().bytes().unwrap_or_default())
    }

    /// Reads any HTTP response.
    pub(crate) fn of_http(response: &http::Response<bytes::Bytes>) -> Self {
        let header = |name| response.headers().get(name)?.to_str().ok();
        Self::read(header, response.body())
    }

    /// Returns the kind of failure that this response with an HTTP status means.
    pub(crate) fn kind(&self, status: u16) -> ErrorKind {
        kind_of(status, self.code.as_deref(), self.message.as_deref())
    }

    /// Reads the code from a header, or else from the body (AWS JSON, Query and RPC v2 CBOR
    /// protocols, "Operation error serialization").
    fn read<'r>(header: impl Fn(&'static str) -> Option<&'r str>, body: &[u8]) -> Self {
        let body = body.get(..MAX_BODY_BYTES).unwrap_or(body);
        let in_body = Self::json(body)
            .or_else(|| Self::xml(body))
            .or_else(|| Self::cbor(body))
            .unwrap_or_default();

        let in_header = header("x-amzn-query-error").or_else(|| header("x-amzn-errortype"));
        let code = in_header.map(ToOwned::to_owned).or(in_body.code);
        Self {
            code: code.as_deref().map(short_code).map(ToOwned::to_owned),
            message: in_body.message,
        }
    }

    fn json(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fields {
            __type: Option<String>,
            code: Option<String>,
            message: Option<String>,
            #[serde(rename = "Message")]
            capital_message: Option<String>,
        }

        let fields: Fields = serde_json::from_slice(body).ok()?;
        Some(Self {
            code: fields.__type.or(fields.code),
            message: fields.message.or(fields.capital_message),
        })
    }

    fn xml(body: &[u8]) -> Option<Self> {
        let body = str::from_utf8(body).ok()?;
        let element = |start, end| {
            let (_, rest) = body.split_once(start)?;
            Some(rest.split_once(end)?.0.to_owned())
        };

        Some(Self {
            code: Some(element("<Code>", "</Code>")?),
            message: element("<Message>", "</Message>"),
        })
    }

    fn cbor(body: &[u8]) -> Option<Self> {
        Some(Self {
            code: Some(cbor_text(body, "__type")?),
            message: cbor_text(body, "message").or_else(|| cbor_text(body, "Message")),
        })
    }
}

/// Returns a code without its namespace, its URI and the sender at fault.
fn short_code(full_name: &str) -> &str {
    let name = full_name.rsplit('#').next().unwrap_or(full_name);
    name.split([':', ';']).next().unwrap_or(name)
}

/// Returns the text of a field in a CBOR map whose texts have a definite length of less than 64
/// KiB, as AWS sends them (RFC 8949, section 3.1, major type 3).
fn cbor_text(body: &[u8], field: &str) -> Option<String> {
    let length = u8::try_from(field.len())
        .ok()
        .filter(|length| *length < 24)?;
    let name = [&[0x60 | length], field.as_bytes()].concat();
    let at = body.windows(name.len()).position(|window| window == name)?;

    let (length, text) = match *body.get(at + name.len()..)? {
        [head @ 0x60..0x78, ref rest @ ..] => (usize::from(head & 0x1f), rest),
        [0x78, length, ref rest @ ..] => (usize::from(length), rest),
        [0x79, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    String::from_utf8(text.get(..length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use proptest::prelude::*;

    use super::*;

    fn response(body: impl Into<SdkBody>) -> HttpResponse {
        HttpResponse::new(400.try_into().unwrap(), body.into())
    }

    fn code(response: &HttpResponse) -> Option<String> {
        ErrorResponse::of_sdk(response).code
    }

    #[test]
    fn code_and_message_of_each_protocol_are_read() {
        let expected = ErrorResponse {
            code: Some("AccessDenied".to_owned()),
            message: Some("no permission".to_owned()),
        };
        for body in [
            br#"{"__type":"com.amazonaws.ssm#AccessDenied","message":"no permission"}"#.as_slice(),
            br#"{"__type":"AccessDenied:http://internal.amazon.com/","Message":"no permission"}"#,
            br#"{"code":"AccessDenied","message":"no permission","requestId":1}"#,
            b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
              <Message>no permission</Message></Error></ErrorResponse>",
            b"\xbf\x66__type\x6cAccessDenied\x67message\x6dno permission\xff",
            b"\xa2\x66__type\x78\x0cAccessDenied\x67Message\x79\x00\x0dno permission",
        ] {
            let read = ErrorResponse::of_sdk(&response(body));
            assert_eq!(read, expected, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn header_has_precedence_over_the_body() {
        for (header, value) in [
            ("x-amzn-errortype", "ThrottlingException:"),
            ("x-amzn-query-error", "ThrottlingException;Sender"),
        ] {
            let mut response = response(r#"{"__type":"Other"}"#);
            response.headers_mut().insert(header, value);
            assert_eq!(code(&response).as_deref(), Some("ThrottlingException"));
        }
    }

    #[test]
    fn other_responses_have_no_code() {
        for body in ["", "<html>", "{}", "[]", "<Code>", "\x66__type", "null"] {
            assert_eq!(code(&response(body)), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in any::<Vec<u8>>(), prefix in "(\u{66}__type)?") {
            let body = [prefix.as_bytes(), &body].concat();
            let _ = ErrorResponse::of_sdk(&response(body));
        }
    }
}
