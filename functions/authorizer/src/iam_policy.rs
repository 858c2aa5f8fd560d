//! The response of format 1.0 and of REST APIs: an IAM policy.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::context::Context;
use crate::response_json::ResponseJson;

/// The longest resource of a policy that API Gateway accepts, in characters.
const MAX_RESOURCE_CHARS: usize = 512;

/// The usual bytes of a response in addition to its context.
const ROOM_FOR_POLICY: usize = 400;

/// Returns a response that allows or denies this method only.
///
/// API Gateway can cache a policy and apply it to other methods, which have rules of their own.
///
/// # Errors
/// An error of [`ResponseJson`].
pub(crate) fn response(
    context: &Context,
    is_allowed: bool,
    method_arn: &str,
    usage_identifier_key: Option<&str>,
) -> serde_json::Result<Box<RawValue>> {
    let mut json = ResponseJson::for_context(context, ROOM_FOR_POLICY);
    json.raw(r#"{"principalId":"#);
    json.string(context.principal())?;

    json.raw(r#","policyDocument":{"Version":"2012-10-17","Statement":[{"#);
    json.raw(r#""Action":"execute-api:Invoke","Effect":"#);
    json.string(if is_allowed { "Allow" } else { "Deny" })?;
    json.raw(r#","Resource":"#);
    json.string(&resource(method_arn))?;

    json.raw(r#"}]},"context":"#);
    json.context(context)?;
    if let Some(key) = usage_identifier_key.filter(|_| is_allowed) {
        json.raw(r#","usageIdentifierKey":"#);
        json.string(key)?;
    }
    json.raw("}");
    json.finish()
}

/// Returns the ARN, or the longest prefix of it that fits, followed by `*`.
fn resource(method_arn: &str) -> Cow<'_, str> {
    if method_arn.chars().count() <= MAX_RESOURCE_CHARS {
        return Cow::Borrowed(method_arn);
    }
    let prefix = method_arn.chars().take(MAX_RESOURCE_CHARS - 1);
    Cow::Owned(prefix.chain(['*']).collect())
}
