//! The routes of an API, their authorization, and the permissions to invoke their functions.

use std::collections::HashMap;
use std::sync::Arc;

use routes::RouteTable;

use super::authorizer::Authorizers;
use super::function_resource::FunctionResources;
use super::{Authorization, Integration, Route};
use sam_template::{Fields, Kind, Template, TemplateError};

/// Checks that API Gateway may invoke the function of each route.
pub(super) fn check_permissions(
    template: &Template,
    api_id: &str,
    functions: &FunctionResources,
    routes: &RouteTable<Arc<Route>>,
) -> Result<(), TemplateError> {
    for (key, route) in routes.iter() {
        let Some(target) = functions.invoked_by(route.integration.uri()) else {
            continue;
        };

        let source = format!(
            "{api_id}/$default/{}{}",
            key.method().unwrap_or("*"),
            key.path()
        );
        if !target.is_permitted(template, &source)? {
            let problem = format!(
                "no AWS::Lambda::Permission lets `{}` invoke {}",
                route.key, target.function.id
            );
            return Err(TemplateError::whole(problem));
        }
    }
    Ok(())
}

pub(super) fn read_routes(
    template: &Template,
    api_id: &str,
    authorizers: &Authorizers,
    integrations: &HashMap<String, Arc<Integration>>,
) -> Result<RouteTable<Arc<Route>>, TemplateError> {
    let mut table = RouteTable::default();
    for (_, mut fields) in template.resources("AWS::ApiGatewayV2::Route")? {
        fields.expect("ApiId", api_id)?;
        let (key, position) = fields.require_text("RouteKey")?;
        let authorization = authorization(&mut fields, authorizers)?;
        let (target, target_position) = fields.require_text("Target")?;
        let integration = target
            .strip_prefix("integrations/")
            .and_then(|id| integrations.get(id));
        let integration = integration.ok_or_else(|| {
            TemplateError::at(
                target_position,
                "`Target` names no integration of this template",
            )
        })?;
        fields.ignore(&["OperationName"]);
        fields.finish()?;

        let refuse = |problem: String| TemplateError::at(position, problem);
        let parsed = key
            .parse()
            .map_err(|error: routes::RouteKeyError| refuse(error.to_string()))?;
        let route = Route {
            key,
            authorization,
            integration: Arc::clone(integration),
        };
        table
            .insert(parsed, Arc::new(route))
            .map_err(|error| refuse(error.to_string()))?;
    }
    Ok(table)
}

fn authorization(
    fields: &mut Fields,
    authorizers: &Authorizers,
) -> Result<Authorization, TemplateError> {
    let (kind, position) = fields
        .text("AuthorizationType")?
        .unwrap_or_else(|| ("NONE".to_owned(), fields.position));
    let authorizer = fields.take("AuthorizerId");
    let position = authorizer.as_ref().map_or(position, |node| node.position);

    match (kind.as_str(), authorizer.map(|node| node.kind)) {
        ("NONE", None) => Ok(Authorization::None),
        ("AWS_IAM", None) => Ok(Authorization::Iam),
        ("CUSTOM", Some(Kind::Text(id))) => match authorizers.packages.get(&id) {
            Some(package) => Ok(Authorization::Custom(package.clone())),
            None => Err(TemplateError::at(
                position,
                format!("there is no authorizer `{id}`"),
            )),
        },
        (other, _) => Err(TemplateError::at(
            position,
            format!("`{other}` with this `AuthorizerId` is not supported"),
        )),
    }
}
