//! An HTTP API, as API Gateway describes it.

use std::borrow::Cow;
use std::sync::Arc;

use admin_client::{ApiPath, path};
use serde_json::Value;

use super::route::Route;
use crate::aws::{Call, Service, Unread, text};
use crate::stack::Stack;

/// The owner of an HTTP API and its routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The stack created the API. All routes are those of its template.
    Created,
    /// The stack added its authorizer and its routes to an existing API.
    Attached,
    /// The API has a definition of its own, which names the authorizer of the stack.
    Defined,
}

/// An HTTP API with the authorizer of a stack.
pub(super) struct HttpApi<'s> {
    /// The ID.
    pub(super) id: String,
    pub(super) ownership: Ownership,
    /// The stack. For [`Ownership::Defined`], its template is evaluated as if the stack were
    /// attached to the API.
    pub(super) stack: Cow<'s, Stack>,
}

impl<'s> HttpApi<'s> {
    /// Returns the API that the stack created or is attached to.
    pub(super) fn of_stack(id: &str, stack: &'s Stack) -> Self {
        let ownership = match stack.parameter("HttpApiId").as_str() {
            "" => Ownership::Created,
            _ => Ownership::Attached,
        };
        Self {
            id: id.to_owned(),
            ownership,
            stack: Cow::Borrowed(stack),
        }
    }

    /// Returns an API of another stack. The template then asks for the same authorizer, routes and
    /// mappings as in an API that the stack is attached to.
    pub(super) fn defined_elsewhere(id: &str, stack: &'s Stack) -> Self {
        let has_backend =
            stack.parameter("CreateVpcLink") == "true" || !stack.parameter("BackendUrl").is_empty();
        let mut changes = vec![("HttpApiId", id)];
        if !has_backend {
            // The mappings of integrations are those of any backend.
            changes.push(("BackendUrl", "https://backend.invalid"));
        }
        Self {
            id: id.to_owned(),
            ownership: Ownership::Defined,
            stack: Cow::Owned(stack.with_parameters(&changes)),
        }
    }

    /// Returns the description of the API.
    pub(super) async fn description(&self) -> Result<Arc<Value>, Unread> {
        let call = Call::get(Service::ApiGateway, "GET", &path(&["v2", "apis", &self.id]));
        self.stack.account().read(&call).await
    }

    /// Returns the routes.
    pub(super) async fn routes(&self) -> Result<Vec<Route>, Unread> {
        let routes = self.list("routes").await?;
        Ok(routes.iter().map(Route::of_api).collect())
    }

    /// Returns the integrations.
    pub(super) async fn integrations(&self) -> Result<Vec<Value>, Unread> {
        self.list("integrations").await
    }

    /// Returns the authorizers.
    pub(super) async fn authorizers(&self) -> Result<Vec<Value>, Unread> {
        self.list("authorizers").await
    }

    /// Returns the stages.
    pub(super) async fn stages(&self) -> Result<Vec<Value>, Unread> {
        self.list("stages").await
    }

    /// Returns the deployments.
    pub(super) async fn deployments(&self) -> Result<Vec<Value>, Unread> {
        self.list("deployments").await
    }

    /// Returns the ID of the stack's authorizer: the output, or else the authorizer that invokes the
    /// function of the stack.
    pub(super) async fn authorizer_id(&self) -> Result<Option<String>, Unread> {
        let is_in_stack = self.ownership != Ownership::Defined;
        if let Some(id) = self.stack.output("AuthorizerId").filter(|_| is_in_stack) {
            return Ok(Some(id.to_owned()));
        }

        let function = self
            .stack
            .output("AuthorizerFunctionName")
            .unwrap_or_default();
        let authorizers = self.authorizers().await?;
        let found = authorizers
            .iter()
            .find(|it| invokes(text(&it["authorizerUri"]), function, &self.stack));
        Ok(found.map(|it| text(&it["authorizerId"]).to_owned()))
    }

    /// Returns the routes that the template asks for.
    pub(super) fn expected_routes(&self) -> Result<Vec<Route>, Unread> {
        let names = self.stack.expected_of_kind("AWS::ApiGatewayV2::Route")?;
        let routes = names.iter().map(|name| {
            let properties = self.stack.expected(name)?.unwrap_or_default();
            Ok(Route::of_template(&properties))
        });
        routes.collect()
    }

    /// Returns the ID of an integration of the stack, or the empty string.
    pub(super) fn integration_id(&self, name: &str) -> &str {
        self.stack
            .resource(name)
            .map_or("", |resource| &resource.id)
    }

    /// Returns the name of the stage that the stack is made for.
    pub(super) fn stage(&self) -> String {
        self.stack.parameter("HttpApiStage")
    }

    async fn list(&self, name: &str) -> Result<Vec<Value>, Unread> {
        let list: ApiPath = path(&["v2", "apis", &self.id, name]).query(&[("maxResults", "100")]);
        let call = Call::get(Service::ApiGateway, "GET", &list);
        self.stack.account().read_all(&call, "/items").await
    }
}

/// Returns the ARN of the function that API Gateway invokes: the part of
/// `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`.
pub(super) fn function_arn(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("/functions/")?;
    rest.strip_suffix("/invocations")
}

/// True if API Gateway invokes a function of the stack, in its account and region, by the ARN of the
/// function, an alias or a version.
pub(super) fn invokes(uri: &str, function: &str, stack: &Stack) -> bool {
    let arn = format!(
        "arn:{}:lambda:{}:{}:function:{function}",
        stack.partition(),
        stack.account().region(),
        stack.account_id(),
    );
    let rest = function_arn(uri).and_then(|invoked| invoked.strip_prefix(&arn));
    !function.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
