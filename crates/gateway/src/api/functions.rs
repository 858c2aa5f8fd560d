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
    alias: Option<String>,
    /// Its package.
    pub(super) package: String,
    /// Its environment.
    pub(super) environment: BTreeMap<String, String>,
}

/// A function under the name that it is invoked by.
pub(super) struct Invoked<'f> {
    /// The function.
    pub(super) function: &'f Function,
    /// Its own ARN, or its alias's.
    arn: String,
}

impl Functions {
    pub(super) fn read(template: &Template) -> Result<Self, TemplateError> {
        let mut functions = Vec::new();
        for (id, mut fields) in template.resources("AWS::Serverless::Function")? {
            let (folder, _) = fields.require_text("CodeUri")?;
            let package = folder
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            let environment = fields
                .take("Environment")
                .map_or_else(|| Ok(BTreeMap::new()), environment)?;
            let (arn, _) = template
                .attribute_of(&id, "Arn", fields.position)?
                .into_text("Arn")?;
            let alias = fields.text("AutoPublishAlias")?.map(|(alias, _)| alias);
            functions.push(Function {
                id,
                arn,
                alias,
                package,
                environment,
            });
        }
        Ok(Self(functions))
    }

    /// What API Gateway invokes by this URI.
    pub(super) fn invoked_by(&self, uri: &str) -> Option<Invoked<'_>> {
        let arn = uri
            .strip_prefix(INVOCATIONS)?
            .strip_suffix("/invocations")?;
        let is_it = |function: &Function| match arn.strip_prefix(function.arn.as_str()) {
            Some(rest) => rest.is_empty() || function.alias.as_deref() == rest.strip_prefix(':'),
            None => false,
        };
        let function = self.0.iter().find(|function| is_it(function))?;
        Some(Invoked {
            function,
            arn: arn.to_owned(),
        })
    }

    /// Whether API Gateway may invoke it, under the name that it does, from a source whose ARN ends
    /// so. Leave for a function is none for its alias, and the other way round.
    pub(super) fn permitted(
        &self,
        template: &Template,
        invoked: &Invoked<'_>,
        source: &str,
    ) -> Result<bool, TemplateError> {
        for (_, mut fields) in template.resources("AWS::Lambda::Permission")? {
            let (action, _) = fields.require_text("Action")?;
            let (principal, _) = fields.require_text("Principal")?;
            let (function, _) = fields.require_text("FunctionName")?;
            let arn = fields.text("SourceArn")?.map(|(arn, _)| arn);
            fields.finish()?;
            // What stands behind an ARN's last colon here holds no other.
            let pattern = arn
                .as_deref()
                .map(|arn| arn.rsplit(':').next().unwrap_or_default());
            let from_here =
                pattern.is_none_or(|pattern| is_like(pattern.as_bytes(), source.as_bytes()));
            let named = function == invoked.arn
                || (function, &invoked.arn) == (invoked.function.id.clone(), &invoked.function.arn);
            if named
                && from_here
                && action == "lambda:InvokeFunction"
                && principal == "apigateway.amazonaws.com"
            {
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
    variables
        .into_iter()
        .map(|(name, _, value)| value.into_text(&name).map(|(text, _)| (name.clone(), text)))
        .collect()
}
