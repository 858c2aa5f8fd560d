//! The integrations of an HTTP API, and the routes that use them.

use serde_json::Value;

use super::header_mappings::HeaderMappings;
use super::http_api::{HttpApi, invokes};
use super::route::{Route, is_id};
use crate::aws::{Unread, text};

/// The part of an integration in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It receives the requests that the authorizer allowed.
    Protected,
    /// It receives the requests on public routes.
    Public,
    /// It invokes the limiter.
    Limiter,
    /// It invokes the composer.
    Composer,
    /// It is an HTTP integration that the stack did not create.
    OtherHttp,
    /// It is another integration that the stack did not create, such as one with a Lambda function.
    Other,
}

/// An integration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Integration {
    pub(super) id: String,
    pub(super) role: Role,
    /// The integration as API Gateway describes it.
    pub(super) settings: Value,
    /// The routes that use it.
    pub(super) routes: Vec<Route>,
}

impl Integration {
    /// Returns the name for details.
    pub(super) fn name(&self) -> String {
        let id = &self.id;
        match self.role {
            Role::Protected => format!("ProtectedIntegration {id}"),
            Role::Public => format!("PublicIntegration {id}"),
            Role::Limiter => format!("LimiterIntegration {id}"),
            Role::Composer => format!("ComposerIntegration {id}"),
            Role::OtherHttp | Role::Other => {
                let keys: Vec<&str> = self.routes.iter().map(|it| it.key.as_str()).collect();
                format!("integration {id} of {}", keys.join(", "))
            }
        }
    }

    /// Returns the header mappings.
    pub(super) fn header_mappings(&self) -> HeaderMappings {
        HeaderMappings::of_http(&self.settings["requestParameters"])
    }

    /// True if a route with the authorizer uses the integration.
    pub(super) fn is_protected(&self, authorizer: &str) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|it| it.authorization == "CUSTOM" && it.authorizer == authorizer)
    }

    /// True if a route without the authorizer uses the integration.
    pub(super) fn is_public(&self, authorizer: &str) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|it| it.authorization != "CUSTOM" || it.authorizer != authorizer)
    }
}

impl HttpApi<'_> {
    /// Returns the integrations of the stack, and the others that a route uses.
    pub(super) async fn used_integrations(&self) -> Result<Vec<Integration>, Unread> {
        let routes = self.routes().await?;
        let integrations = self.integrations().await?;
        let found = integrations.into_iter().map(|settings| {
            let id = text(&settings["integrationId"]).to_owned();
            let routes = routes.iter().filter(|route| route.integration == id);
            Integration {
                role: self.role(&id, &settings),
                routes: routes.cloned().collect(),
                settings,
                id,
            }
        });

        let is_other = |role| matches!(role, Role::OtherHttp | Role::Other);
        Ok(found
            .filter(|it| !is_other(it.role) || !it.routes.is_empty())
            .collect())
    }

    /// Returns the properties that the template asks for in an integration. Its mappings are the same
    /// for every backend, so a stack without a backend has them too.
    pub(super) fn expected_integration(&self, name: &str) -> Result<Value, Unread> {
        if let Some(properties) = self.stack.expected(name)? {
            return Ok(properties);
        }
        let with_backend = self
            .stack
            .with_parameters(&[("BackendUrl", "https://backend.invalid")]);
        Ok(with_backend.expected(name)?.unwrap_or_default())
    }

    fn role(&self, id: &str, settings: &Value) -> Role {
        let is_stacks = |name: &str| is_id(self.integration_id(name), id);
        let uri = text(&settings["integrationUri"]);
        let limiter = self.stack.output("LimiterFunctionName");
        let composer = self.stack.output("ComposerFunctionName");
        if is_stacks("ProtectedIntegration") {
            Role::Protected
        } else if is_stacks("PublicIntegration") {
            Role::Public
        } else if is_stacks("LimiterIntegration")
            || invokes(uri, limiter.unwrap_or_default(), &self.stack)
        {
            Role::Limiter
        } else if is_stacks("ComposerIntegration")
            || composer.is_some_and(|name| invokes(uri, name, &self.stack))
        {
            Role::Composer
        } else if settings["integrationType"] == "HTTP_PROXY" {
            Role::OtherHttp
        } else {
            Role::Other
        }
    }
}
