//! The response of format 1.0 and of REST APIs: an IAM policy.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::context::Context;

/// The longest resource of a policy that API Gateway accepts, in characters.
const MAX_RESOURCE_CHARS: usize = 512;

/// Returns a response that allows or denies this method only.
///
/// API Gateway can cache a policy and apply it to other methods, which have rules of their own.
pub(crate) fn response(
    context: &Context,
    is_allowed: bool,
    method_arn: &str,
    usage_identifier_key: Option<&str>,
) -> Value {
    let effect = if is_allowed { "Allow" } else { "Deny" };
    let statement = json!({
        "Action": "execute-api:Invoke",
        "Effect": effect,
        "Resource": resource(method_arn),
    });
    let mut response = json!({
        "principalId": context.principal(),
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    });

    if let Some(key) = usage_identifier_key.filter(|_| is_allowed) {
        response["usageIdentifierKey"] = key.into();
    }
    response
}

/// Returns the ARN, or the longest prefix of it that fits, followed by `*`.
fn resource(method_arn: &str) -> Cow<'_, str> {
    if method_arn.chars().count() <= MAX_RESOURCE_CHARS {
        return Cow::Borrowed(method_arn);
    }
    let prefix = method_arn.chars().take(MAX_RESOURCE_CHARS - 1);
    Cow::Owned(prefix.chain(['*']).collect())
}
