//! Checks of successful responses, before a command reports success.
//!
//! A page for signing in, or another service behind a wrong URL, responds with 200 to everything.

use admin_client::{AdminResponse, ClientError};
use serde_json::Value;

use super::CommandError;

/// Returns the JSON object in a response.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the response is not an object in JSON.
pub(crate) fn object(response: &AdminResponse) -> Result<Value, CommandError> {
    let content_type = response.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(CommandError::Client(ClientError::NotJson {
            status: response.status,
            content_type: content_type.to_owned(),
        }));
    }

    let value = response.json()?;
    if !value.is_object() {
        return Err(unexpected(response, "a JSON object"));
    }
    Ok(value)
}

/// Checks the response to a deletion.
///
/// # Errors
/// [`CommandError`] with exit code 2 if the status is not 204.
pub(crate) fn deletion(response: &AdminResponse) -> Result<(), CommandError> {
    match response.status {
        204 => Ok(()),
        _ => Err(unexpected(response, "204 after a deletion")),
    }
}

/// Returns the entity tag of a document.
///
/// # Errors
/// [`CommandError`] with exit code 2 if there is none. A change without a condition could overwrite
/// another one.
pub(crate) fn etag<'r>(response: &'r AdminResponse, label: &str) -> Result<&'r str, CommandError> {
    let etag = response.etag().filter(|etag| !etag.is_empty());
    etag.ok_or_else(|| {
        CommandError::usage(format!(
            "the response for {label} has no entity tag: is it Tollgate?"
        ))
    })
}

/// Returns the error for a response that Tollgate does not send.
pub(crate) fn unexpected(response: &AdminResponse, expected: &str) -> CommandError {
    let status = response.status;
    CommandError::usage(format!(
        "unexpected response with status {status}, expected {expected}: is it Tollgate?"
    ))
}
