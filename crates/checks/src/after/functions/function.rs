//! The Lambda functions of a stack.

use std::fmt;
use std::sync::Arc;

use admin_client::{ApiPath, path};
use serde_json::Value;

use crate::aws::{Call, Service, Unread};
use crate::stack::Stack;

/// The name of the authorizer in the template.
pub(super) const AUTHORIZER: &str = "AuthorizerFunction";
/// The alias that API Gateway invokes.
pub(super) const ALIAS: &str = "live";

/// A Lambda function of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Function<'s> {
    /// The name in the template.
    pub(super) name: &'s str,
    /// The name in Lambda.
    pub(super) id: &'s str,
    /// The alias whose version is used, or `None` for the unpublished version.
    pub(super) alias: Option<&'static str>,
}

impl fmt::Display for Function<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.alias {
            Some(alias) => write!(formatter, "function {}:{alias}", self.id),
            None => write!(formatter, "function {}", self.id),
        }
    }
}

impl Function<'_> {
    /// Returns the path of the function, and of something below it.
    pub(super) fn path(&self, version: &str, rest: &[&str]) -> ApiPath {
        let mut segments = vec![version, "functions", self.id];
        segments.extend(rest);
        path(&segments)
    }

    /// Returns the configuration: that of the alias' version, if the function has one.
    pub(super) async fn configuration(&self, stack: &Stack) -> Result<Arc<Value>, Unread> {
        let mut path = self.path("2015-03-31", &["configuration"]);
        if let Some(alias) = self.alias {
            path = path.query(&[("Qualifier", alias)]);
        }
        let call = Call::get(Service::Lambda, "GetFunctionConfiguration", &path);
        stack.account().read(&call).await
    }
}

/// Returns the functions of a stack. The authorizer is the alias that API Gateway invokes, if the
/// stack publishes one. `examples/rest-api.yaml` does not.
pub(super) fn functions(stack: &Stack) -> Vec<Function<'_>> {
    let has_alias = stack.output("AuthorizerAliasArn").is_some();
    let functions = stack
        .resources()
        .filter(|(_, resource)| resource.kind == "AWS::Lambda::Function");
    functions
        .map(|(name, resource)| Function {
            name,
            id: &resource.id,
            alias: (name == AUTHORIZER && has_alias).then_some(ALIAS),
        })
        .collect()
}

/// Returns the authorizer, with the alias that API Gateway invokes.
pub(super) fn authorizer(stack: &Stack) -> Result<Function<'_>, Unread> {
    let mut functions = functions(stack).into_iter();
    functions
        .find(|function| function.name == AUTHORIZER)
        .ok_or_else(|| Unread::Failed(format!("the stack has no resource {AUTHORIZER}")))
}
