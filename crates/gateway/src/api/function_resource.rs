//! The Lambda functions of a template, and the permissions to invoke them.

use std::collections::BTreeMap;

use super::pattern;
use sam_template::{Fields, Node, Template, TemplateError};

/// The part of an invocation URI before the function's ARN.
const INVOCATION_PREFIX: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/";

/// All functions of a template.
pub(super) struct FunctionResources(Vec<FunctionResource>);

/// A function of a template.
pub(super) struct FunctionResource {
    /// The logical id.
    pub(super) id: String,
    arn: String,
    alias: Option<String>,
    pub(super) package: String,
    pub(super) environment: BTreeMap<String, String>,
}

/// The target of an invocation: a function, or an alias of it.
pub(super) struct InvocationTarget<'f> {
    pub(super) function: &'f FunctionResource,
    /// The ARN of the function or the alias.
    arn: String,
}

impl FunctionResources {
    pub(super) fn read(template: &Template) -> Result<Self, TemplateError> {
        let mut functions = Vec::new();
        for (id, mut fields) in template.resources("AWS::Serverless::Function")? {
            let (folder, _) = fields.require_text("CodeUri")?;
            let environment = match fields.take("Environment") {
                Some(node) => environment(node)?,
                None => BTreeMap::new(),
            };
            let (arn, _) = template
                .attribute_of(&id, "Arn", fields.position)?
                .into_text("Arn")?;
            let alias = fields.text("AutoPublishAlias")?.map(|(alias, _)| alias);

            functions.push(FunctionResource {
                id,
                arn,
                alias,
                package: package_name(&folder).to_owned(),
                environment,
            });
        }
        Ok(Self(functions))
    }

    /// Returns the target of an invocation URI.
    pub(super) fn invoked_by(&self, uri: &str) -> Option<InvocationTarget<'_>> {
        let arn = uri
            .strip_prefix(INVOCATION_PREFIX)?
            .strip_suffix("/invocations")?;
        let has_arn = |function: &FunctionResource| match arn.strip_prefix(function.arn.as_str()) {
            Some(rest) => rest.is_empty() || function.alias.as_deref() == rest.strip_prefix(':'),
            None => false,
        };

        let function = self.0.iter().find(|function| has_arn(function))?;
        Some(InvocationTarget {
            function,
            arn: arn.to_owned(),
        })
    }
}

impl InvocationTarget<'_> {
    /// True if API Gateway has permission to invoke the target from a source whose ARN ends in
    /// `source`. A permission for a function does not cover its alias, nor the reverse.
    pub(super) fn is_permitted(
        &self,
        template: &Template,
        source: &str,
    ) -> Result<bool, TemplateError> {
        for (_, fields) in template.resources("AWS::Lambda::Permission")? {
            if self.is_covered_by(fields, source)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_covered_by(&self, mut permission: Fields, source: &str) -> Result<bool, TemplateError> {
        let (action, _) = permission.require_text("Action")?;
        let (principal, _) = permission.require_text("Principal")?;
        let (function, _) = permission.require_text("FunctionName")?;
        let source_arn = permission.text("SourceArn")?.map(|(arn, _)| arn);
        permission.finish()?;

        // The part behind the last colon of such an ARN contains no further colon.
        let pattern = source_arn
            .as_deref()
            .map(|arn| arn.rsplit(':').next().unwrap_or_default());
        let is_source =
            pattern.is_none_or(|pattern| pattern::matches(pattern.as_bytes(), source.as_bytes()));
        let is_function_itself = self.arn == self.function.arn;
        let is_target =
            function == self.arn || (is_function_itself && function == self.function.id);
        Ok(is_target
            && is_source
            && action == "lambda:InvokeFunction"
            && principal == "apigateway.amazonaws.com")
    }
}

/// Returns the package of a function by its `CodeUri`: the folder and the package have one name.
pub(crate) fn package_name(code_uri: &str) -> &str {
    let path = code_uri.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or_default()
}

/// Reads the variables of a function's `Environment`.
pub(crate) fn environment(node: Node) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut fields = Fields::of(node, "Environment")?;
    let variables = Fields::of(fields.require("Variables")?, "Variables")?.rest();
    fields.finish()?;

    variables
        .into_iter()
        .map(|(name, _, value)| value.into_text(&name).map(|(text, _)| (name.clone(), text)))
        .collect()
}
