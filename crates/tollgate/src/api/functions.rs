//! The template's functions, and who may invoke them.

use std::collections::BTreeMap;

use super::listener::is_like;
use crate::template::{Fields, Node, Template, TemplateError};

/// Where AWS Lambda takes invocations from API Gateway.
const INVOCATIONS: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/";

/// All of them.
pub(super) struct Functions(Vec<Function>);

/// One of them. A folder, its package and its binary have one name.
pub(super) struct Function {
    /// Its logical id.
    pub(super) id: String,
    arn: String,
    /// Its package.
    pub(super) package: String,
    /// Its environment.
    pub(super) environment: BTreeMap<String, String>,
}

impl Functions {
    pub(super) fn read(template: &Template) -> Result<Self, TemplateError> {
        let mut functions = Vec::new();
        for (id, mut fields) in template.resources("AWS::Serverless::Function")? {
            let (folder, _) = fields.require_text("CodeUri")?;
            let package = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
            let environment = fields.take("Environment").map_or_else(|| Ok(BTreeMap::new()), environment)?;
            let (arn, _) = template.attribute_of(&id, "Arn", fields.position)?.into_text("Arn")?;
            functions.push(Function { id, arn, package, environment });
        }
        Ok(Self(functions))
    }

    /// The function that API Gateway invokes by this URI.
    pub(super) fn invoked_by(&self, uri: &str) -> Option<&Function> {
        self.0.iter().find(|function| uri == format!("{INVOCATIONS}{}/invocations", function.arn))
    }

    /// The function of a package.
    pub(super) fn of_package(&self, package: &str) -> Option<&Function> {
        self.0.iter().find(|function| function.package == package)
    }

    /// The environment of a package's function.
    pub(super) fn environment(&self, package: &str) -> BTreeMap<String, String> {
        self.of_package(package).map(|function| function.environment.clone()).unwrap_or_default()
    }

    /// Whether API Gateway may invoke a function from a source whose ARN ends so.
    pub(super) fn permitted(
        &self,
        template: &Template,
        invoked: &Function,
        source: &str,
    ) -> Result<bool, TemplateError> {
        for (_, mut fields) in template.resources("AWS::Lambda::Permission")? {
            let (action, _) = fields.require_text("Action")?;
            let (principal, _) = fields.require_text("Principal")?;
            let (function, _) = fields.require_text("FunctionName")?;
            let arn = fields.text("SourceArn")?.map(|(arn, _)| arn);
            fields.finish()?;
            // What stands behind an ARN's last colon here holds no other.
            let pattern = arn.as_deref().map(|arn| arn.rsplit(':').next().unwrap_or_default());
            let from_here = pattern.is_none_or(|pattern| is_like(pattern.as_bytes(), source.as_bytes()));
            let named = function.rsplit(':').next() == Some(invoked.id.as_str());
            if named && from_here && action == "lambda:InvokeFunction" && principal == "apigateway.amazonaws.com" {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn environment(node: Node) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut fields = Fields::of(node, "Environment")?;
    let variables = Fields::of(fields.require("Variables")?, "Variables")?.rest();
    fields.finish()?;
    variables.into_iter().map(|(name, _, value)| value.into_text(&name).map(|(text, _)| (name.clone(), text))).collect()
}
