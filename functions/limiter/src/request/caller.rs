//! Who calls, as API Gateway says: from the event's context alone, never from what a client sends.

use http::{Extensions, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::request::RequestContext;

use crate::Problem;
use crate::audit::Administrator;

fn authorizer(extensions: &Extensions) -> Option<&ApiGatewayRequestAuthorizer> {
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => context.authorizer.as_ref(),
        _ => None,
    }
}

/// The caller that IAM has authenticated. A route that was opened by mistake stays closed here.
///
/// # Errors
/// 403 for every other caller.
pub(crate) fn administrator(extensions: &Extensions) -> Result<Administrator, Problem> {
    let refused = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "This resource is behind IAM authorization.",
        )
    };
    let iam = authorizer(extensions)
        .and_then(|authorizer| authorizer.iam.as_ref())
        .ok_or_else(refused)?;
    // The ARN of an assumed role ends with the session's name.
    let principal = [&iam.user_arn, &iam.caller_id, &iam.account_id]
        .into_iter()
        .flatten()
        .next();
    let request_id = match extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    Ok(Administrator {
        principal: principal.cloned().unwrap_or_else(|| "unknown".to_owned()),
        request_id: request_id.unwrap_or_default(),
    })
}

/// The id of the key that the authorizer has found.
///
/// # Errors
/// 403 for callers without one.
pub(crate) fn calling_key(extensions: &Extensions) -> Result<String, Problem> {
    let key_id = context_field(extensions, "key_id").map(str::to_owned);
    key_id.ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "This resource is for callers with an API key.",
        )
    })
}

/// The plan that the authorizer has charged, if it says so.
pub(crate) fn calling_plan(extensions: &Extensions) -> Option<&str> {
    context_field(extensions, "plan")
}

/// A field of the authorizer's context, if it has a value.
pub(crate) fn context_field<'e>(extensions: &'e Extensions, name: &str) -> Option<&'e str> {
    authorizer(extensions)?
        .fields
        .get(name)?
        .as_str()
        .filter(|value| *value != "-")
}
