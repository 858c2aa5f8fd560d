//! The resources of an HTTP API, put together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use routes::RouteTable;

use super::{Api, Authorization, Integration, ListenerRule, Route, Stage};
use crate::template::{Fields, Kind, Position, Template, TemplateError};

/// Kinds of resources that could stand in a request's way without being understood.
const NOT_UNDERSTOOD: [&str; 5] = [
    "AWS::ApiGatewayV2::ApiGatewayManagedOverrides",
    "AWS::ApiGatewayV2::IntegrationResponse",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::Serverless::Api",
    "AWS::Serverless::HttpApi",
];

pub(super) fn api(template: &Template) -> Result<Api, TemplateError> {
    for kind in NOT_UNDERSTOOD {
        if let Some((id, fields)) = template.resources(kind)?.pop() {
            return Err(TemplateError::at(
                fields.position,
                format!("{id} ({kind}) is not understood by the local gateway"),
            ));
        }
    }
    let (_, mut api) = only(template, "AWS::ApiGatewayV2::Api")?;
    api.expect("ProtocolType", "HTTP")?;
    api.ignore(&["Name", "Description", "Tags"]);
    api.finish()?;
    let functions = functions(template)?;
    let authorizers = authorizers(template, &functions)?;
    let integrations = integrations(template)?;
    let mut rules = template
        .resources("AWS::ElasticLoadBalancingV2::ListenerRule")?
        .into_iter()
        .map(|(_, fields)| ListenerRule::read(fields))
        .collect::<Result<Vec<_>, _>>()?;
    rules.sort_by_key(|rule| rule.priority);
    let (_, stage) = only(template, "AWS::ApiGatewayV2::Stage")?;
    let needed = authorizers.values().cloned().collect::<std::collections::BTreeSet<_>>();
    let environments = functions
        .into_values()
        .filter(|function| needed.contains(&function.package))
        .map(|function| (function.package, function.environment));
    Ok(Api {
        routes: read_routes(template, &authorizers, &integrations)?,
        stage: Stage::read(stage)?,
        rules,
        functions: environments.collect(),
    })
}

fn only(template: &Template, kind: &str) -> Result<(String, Fields), TemplateError> {
    let mut found = template.resources(kind)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some((id, fields)), Some(_)) => {
            Err(TemplateError::at(fields.position, format!("{id} is a second {kind}; one is understood")))
        }
        (None, _) => Err(TemplateError::whole(format!("there is no {kind}"))),
    }
}

struct Function {
    package: String,
    environment: BTreeMap<String, String>,
}

/// Functions by logical id. A folder, its package and its binary have one name.
fn functions(template: &Template) -> Result<HashMap<String, Function>, TemplateError> {
    let mut functions = HashMap::new();
    for (id, mut fields) in template.resources("AWS::Serverless::Function")? {
        let (folder, _) = fields.require_text("CodeUri")?;
        let package = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let environment = fields.take("Environment").map_or_else(|| Ok(BTreeMap::new()), environment)?;
        functions.insert(id, Function { package, environment });
    }
    Ok(functions)
}

fn environment(node: crate::template::Node) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut fields = Fields::of(node, "Environment")?;
    let variables = Fields::of(fields.require("Variables")?, "Variables")?.rest();
    fields.finish()?;
    variables.into_iter().map(|(name, _, value)| value.into_text(&name).map(|(text, _)| (name.clone(), text))).collect()
}

/// The package of each authorizer's function, by the authorizer's logical id.
fn authorizers(
    template: &Template,
    functions: &HashMap<String, Function>,
) -> Result<HashMap<String, String>, TemplateError> {
    let permitted = permitted(template)?;
    let mut authorizers = HashMap::new();
    for (id, mut fields) in template.resources("AWS::ApiGatewayV2::Authorizer")? {
        fields.expect("AuthorizerType", "REQUEST")?;
        fields.expect("AuthorizerPayloadFormatVersion", "2.0")?;
        fields.expect("EnableSimpleResponses", "true")?;
        fields.expect("AuthorizerResultTtlInSeconds", "0")?;
        let (uri, position) = fields.require_text("AuthorizerUri")?;
        let function = invoked(&uri).and_then(|id| Some((id, functions.get(id)?)));
        let (function_id, function) = function
            .ok_or_else(|| TemplateError::at(position, "`AuthorizerUri` names no function of this template"))?;
        if !permitted.contains(&function_id.to_owned()) {
            return Err(TemplateError::at(
                position,
                format!("no AWS::Lambda::Permission lets API Gateway invoke {function_id}"),
            ));
        }
        fields.ignore(&["ApiId", "Name"]);
        fields.finish()?;
        authorizers.insert(id, function.package.clone());
    }
    Ok(authorizers)
}

/// The function in `arn:…:path/2015-03-31/functions/ARN/invocations`.
fn invoked(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("/functions/")?;
    rest.strip_suffix("/invocations")?.rsplit(':').next()
}

/// The functions that API Gateway may invoke.
fn permitted(template: &Template) -> Result<Vec<String>, TemplateError> {
    let mut permitted = Vec::new();
    for (_, mut fields) in template.resources("AWS::Lambda::Permission")? {
        let (action, _) = fields.require_text("Action")?;
        let (principal, _) = fields.require_text("Principal")?;
        let (function, _) = fields.require_text("FunctionName")?;
        if action == "lambda:InvokeFunction" && principal == "apigateway.amazonaws.com" {
            permitted.push(function.rsplit(':').next().unwrap_or_default().to_owned());
        }
    }
    Ok(permitted)
}

fn integrations(template: &Template) -> Result<HashMap<String, Arc<Integration>>, TemplateError> {
    let read = |(id, fields)| Integration::read(fields).map(|integration| (id, Arc::new(integration)));
    template.resources("AWS::ApiGatewayV2::Integration")?.into_iter().map(read).collect()
}

fn read_routes(
    template: &Template,
    authorizers: &HashMap<String, String>,
    integrations: &HashMap<String, Arc<Integration>>,
) -> Result<RouteTable<Arc<Route>>, TemplateError> {
    let mut table = RouteTable::default();
    for (_, mut fields) in template.resources("AWS::ApiGatewayV2::Route")? {
        let (key, position) = fields.require_text("RouteKey")?;
        let authorization = authorization(&mut fields, authorizers)?;
        let (target, target_position) = fields.require_text("Target")?;
        let integration = target.strip_prefix("integrations/").and_then(|id| integrations.get(id));
        let integration = integration
            .ok_or_else(|| TemplateError::at(target_position, "`Target` names no integration of this template"))?;
        fields.ignore(&["ApiId", "OperationName"]);
        fields.finish()?;
        let refuse = |problem: String| TemplateError::at(position, problem);
        let parsed = key.parse().map_err(|error: routes::RouteKeyError| refuse(error.to_string()))?;
        let route = Route { key, authorization, integration: Arc::clone(integration) };
        table.insert(parsed, Arc::new(route)).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(table)
}

fn authorization(fields: &mut Fields, authorizers: &HashMap<String, String>) -> Result<Authorization, TemplateError> {
    let none = || ("NONE".to_owned(), Position { line: 1, column: 1 });
    let (kind, position) = fields.text("AuthorizationType")?.unwrap_or_else(none);
    match (kind.as_str(), fields.take("AuthorizerId").map(|node| node.kind)) {
        ("NONE", None) => Ok(Authorization::None),
        ("AWS_IAM", None) => Ok(Authorization::Iam),
        ("CUSTOM", Some(Kind::Text(id))) => match authorizers.get(&id) {
            Some(package) => Ok(Authorization::Custom(package.clone())),
            None => Err(TemplateError::at(position, format!("there is no authorizer `{id}`"))),
        },
        (other, _) => Err(TemplateError::at(position, format!("`{other}` with this `AuthorizerId` is not understood"))),
    }
}
