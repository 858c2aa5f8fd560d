//! The authorizers of an API.

use std::collections::{BTreeMap, HashMap};

use super::function_resource::FunctionResources;
use sam_template::{Template, TemplateError};

/// The authorizers of an API and their functions.
pub(super) struct Authorizers {
    /// The package of each authorizer's function, by the authorizer's id.
    pub(super) packages: HashMap<String, String>,
    /// The environment of each of these functions, by package name.
    pub(super) environments: BTreeMap<String, BTreeMap<String, String>>,
}

pub(super) fn read(
    template: &Template,
    api_id: &str,
    functions: &FunctionResources,
) -> Result<Authorizers, TemplateError> {
    let mut authorizers = Authorizers {
        packages: HashMap::new(),
        environments: BTreeMap::new(),
    };
    for (id, mut fields) in template.resources("AWS::ApiGatewayV2::Authorizer")? {
        fields.expect("ApiId", api_id)?;
        fields.expect("AuthorizerType", "REQUEST")?;
        fields.expect("AuthorizerPayloadFormatVersion", "2.0")?;
        fields.expect("EnableSimpleResponses", "true")?;
        fields.expect("AuthorizerResultTtlInSeconds", "0")?;
        let (uri, position) = fields.require_text("AuthorizerUri")?;
        fields.ignore(&["Name"]);
        fields.finish()?;

        let target = functions.invoked_by(&uri).ok_or_else(|| {
            TemplateError::at(
                position,
                "`AuthorizerUri` names no function of this template",
            )
        })?;
        let function = target.function;
        if !target.is_permitted(template, &format!("{api_id}/authorizers/{id}"))? {
            let problem = format!(
                "no AWS::Lambda::Permission lets this authorizer invoke {}",
                function.id
            );
            return Err(TemplateError::at(position, problem));
        }

        authorizers.packages.insert(id, function.package.clone());
        authorizers
            .environments
            .insert(function.package.clone(), function.environment.clone());
    }
    Ok(authorizers)
}
