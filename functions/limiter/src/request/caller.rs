//! The caller, as API Gateway states it in the event's context. What a client sends is never read.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, StatusCode};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::request::RequestContext;
use limits::Caller;
use outcome::ContextField;

use crate::audit::Administrator;
use crate::callers::caller_id::CallerId;
use crate::problem::Problem;

/// Returns the id that API Gateway gave the request.
pub(crate) fn request_id(extensions: &Extensions) -> Option<&str> {
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => context.request_id.as_deref(),
        _ => None,
    }
}

fn authorizer(extensions: &Extensions) -> Option<&ApiGatewayRequestAuthorizer> {
    match extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => context.authorizer.as_ref(),
        _ => None,
    }
}

/// Returns the caller that IAM has authenticated. A route that lacks IAM authorization by mistake
/// therefore stays closed. A context without an identity is no proof of IAM authorization.
///
/// # Errors
/// 403 for every other caller.
pub(crate) fn administrator(extensions: &Extensions) -> Result<Administrator, Problem> {
    let forbidden = || {
        let detail = "This resource requires IAM authorization.";
        Problem::new(StatusCode::FORBIDDEN, detail)
    };
    let iam = authorizer(extensions)
        .and_then(|authorizer| authorizer.iam.as_ref())
        .ok_or_else(forbidden)?;

    // The ARN of an assumed role ends with the name of the session.
    let principal = [&iam.user_arn, &iam.caller_id, &iam.account_id]
        .into_iter()
        .flatten()
        .find(|identity| !identity.trim().is_empty())
        .ok_or_else(forbidden)?;

    Ok(Administrator {
        principal: principal.clone(),
        request_id: request_id(extensions).unwrap_or_default().to_owned(),
    })
}

impl<S: Sync> FromRequestParts<S> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        administrator(&parts.extensions)
    }
}

/// The client whose credential the authorizer has verified.
pub(crate) struct CallingClient {
    /// An API key, the subject of a token, or a client certificate.
    pub(crate) caller: Caller,
    /// The group that is charged instead of the key.
    pub(crate) group: Option<Caller>,
    /// The plan that the authorizer has charged. `None` if the store did not respond.
    pub(crate) plan: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for CallingClient {
    type Rejection = Problem;

    /// # Errors
    /// 403 for a client without a credential.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let field = |field| context_field(&parts.extensions, field);
        // An authorizer of an earlier release states no caller, but always the id of a key.
        let charged = field(ContextField::Caller).and_then(read_caller);
        let (caller, group) = match (field(ContextField::KeyId), charged) {
            (Some(key_id), charged) => {
                let group = charged.filter(|charged| matches!(charged, Caller::Group(_)));
                (Caller::Key(key_id.to_owned()), group)
            }
            (None, Some(caller @ (Caller::Subject(_) | Caller::Certificate(_)))) => (caller, None),
            (None, _) => {
                let detail = "This resource requires an API key, a token or a client certificate.";
                return Err(Problem::new(StatusCode::FORBIDDEN, detail));
            }
        };

        Ok(Self {
            caller,
            group,
            plan: field(ContextField::Plan).map(str::to_owned),
        })
    }
}

/// Reads a caller in the form of a usage item. `None` for a kind that has no form in paths.
fn read_caller(text: &str) -> Option<Caller> {
    let (kind, id) = text.split_once('#')?;
    match CallerId::parse(kind, id) {
        Ok(CallerId::Caller(caller)) => Some(caller),
        _ => None,
    }
}

/// Returns a field of the authorizer's context, unless it is absent or `-`.
pub(crate) fn context_field(extensions: &Extensions, field: ContextField) -> Option<&str> {
    authorizer(extensions)?
        .fields
        .get(field.as_str())?
        .as_str()
        .filter(|value| *value != "-")
}
