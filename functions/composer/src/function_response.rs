//! The response of the function (payload format 2.0).

use std::collections::BTreeMap;

use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::reply::Reply;

/// A response as API Gateway reads it. The body is JSON, so that it is never encoded in base64.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse<'r> {
    status_code: u16,
    headers: BTreeMap<&'r str, &'r str>,
    body: &'r str,
    is_base64_encoded: bool,
}

impl Reply {
    /// Returns the response of the function.
    ///
    /// # Errors
    /// [`Diagnostic`] if the response cannot be represented, which is our own failure.
    pub(crate) fn to_function_response(&self) -> Result<Box<RawValue>, Diagnostic> {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let response = FunctionResponse {
            status_code: self.status.as_u16(),
            headers: headers.collect(),
            body: std::str::from_utf8(&self.body).map_err(|error| fault(error.to_string()))?,
            is_base64_encoded: false,
        };
        to_raw_value(&response).map_err(|error| fault(error.to_string()))
    }
}

/// Returns the error of an invocation that has no response.
pub(crate) fn fault(message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        error_type: "Fault".to_owned(),
        error_message: message.into(),
    }
}
