//! A REST API, as API Gateway describes it.

use std::sync::Arc;

use admin_client::path;
use serde_json::Value;

use super::http_api::invokes;
use crate::aws::{Call, Service, Unread, text};
use crate::stack::Stack;

/// A REST API with the authorizer of a stack.
pub(super) struct RestApi<'s> {
    /// The ID.
    pub(super) id: String,
    pub(super) stack: &'s Stack,
    /// The name of the resource if the stack created the API.
    pub(super) resource: Option<String>,
}

/// A method of a REST API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Method {
    /// The method and the path, such as `ANY /{proxy+}`.
    pub(super) key: String,
    /// The path.
    pub(super) path: String,
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub(super) authorization: String,
    /// The ID of the authorizer, or empty.
    pub(super) authorizer: String,
    /// The integration, or null.
    pub(super) integration: Value,
}

impl<'s> RestApi<'s> {
    /// Returns the REST API that the stack created.
    pub(super) fn of_stack(stack: &'s Stack) -> Option<Self> {
        let mut resources = stack.resources();
        let (name, resource) = resources.find(|(_, it)| it.kind == "AWS::ApiGateway::RestApi")?;
        Some(Self {
            id: resource.id.clone(),
            stack,
            resource: Some(name.to_owned()),
        })
    }

    /// Returns a REST API of another stack.
    pub(super) fn defined_elsewhere(id: &str, stack: &'s Stack) -> Self {
        Self {
            id: id.to_owned(),
            stack,
            resource: None,
        }
    }

    /// Returns the description of the API.
    pub(super) async fn description(&self) -> Result<Arc<Value>, Unread> {
        let call = Call::get(Service::ApiGateway, "GET", &path(&["restapis", &self.id]));
        self.stack.account().read(&call).await
    }

    /// Returns the methods of all resources.
    pub(super) async fn methods(&self) -> Result<Vec<Method>, Unread> {
        let list = path(&["restapis", &self.id, "resources"]);
        let list = list.query(&[("embed", "methods"), ("limit", "500")]);
        let call = Call::get(Service::ApiGateway, "GET", &list);
        let resources = self.stack.account().read_all(&call, "/item").await?;
        Ok(resources.iter().flat_map(methods).collect())
    }

    /// Returns the authorizers.
    pub(super) async fn authorizers(&self) -> Result<Vec<Value>, Unread> {
        self.list("authorizers").await
    }

    /// Returns the stages.
    pub(super) async fn stages(&self) -> Result<Vec<Value>, Unread> {
        let list = path(&["restapis", &self.id, "stages"]);
        let call = Call::get(Service::ApiGateway, "GET", &list);
        self.stack.account().read_all(&call, "/item").await
    }

    /// Returns the deployments.
    pub(super) async fn deployments(&self) -> Result<Vec<Value>, Unread> {
        self.list("deployments").await
    }

    /// Returns the gateway responses.
    pub(super) async fn gateway_responses(&self) -> Result<Vec<Value>, Unread> {
        self.list("gatewayresponses").await
    }

    /// Returns the authorizer that invokes the function of the stack.
    pub(super) async fn authorizer(&self) -> Result<Option<Value>, Unread> {
        let function = self.function_name();
        let authorizers = self.authorizers().await?;
        let found = authorizers
            .into_iter()
            .find(|it| invokes(text(&it["authorizerUri"]), &function, self.stack));
        Ok(found)
    }

    /// Returns the name of the authorizer's function.
    pub(super) fn function_name(&self) -> String {
        let resource = self.stack.resource("AuthorizerFunction");
        resource.map_or_else(String::new, |resource| resource.id.clone())
    }

    /// Returns the OpenAPI definition that the template asks for, or null.
    pub(super) fn definition(&self) -> Result<Value, Unread> {
        let Some(name) = &self.resource else {
            return Ok(Value::Null);
        };
        let properties = self.stack.expected(name)?.unwrap_or_default();
        Ok(properties["DefinitionBody"].clone())
    }

    async fn list(&self, name: &str) -> Result<Vec<Value>, Unread> {
        let list = path(&["restapis", &self.id, name]).query(&[("limit", "500")]);
        let call = Call::get(Service::ApiGateway, "GET", &list);
        self.stack.account().read_all(&call, "/item").await
    }
}

fn methods(resource: &Value) -> Vec<Method> {
    let path = text(&resource["path"]);
    let methods = resource["resourceMethods"].as_object();
    let methods = methods.into_iter().flatten().map(|(name, method)| Method {
        key: format!("{name} {path}"),
        path: path.to_owned(),
        authorization: text(&method["authorizationType"]).to_owned(),
        authorizer: text(&method["authorizerId"]).to_owned(),
        integration: method["methodIntegration"].clone(),
    });
    methods.collect()
}
