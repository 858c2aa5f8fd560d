//! The resources of an HTTP API, put together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use routes::RouteTable;

use super::authorizers::{self, Authorizers};
use super::functions::{Function, Functions};
use super::{Api, Authorization, Cors, Integration, ListenerRule, Route, Stage};
use crate::template::{Fields, Kind, Template, TemplateError};

/// Of these services whatever is not understood could stand in a request's way.
const SERVICES: [&str; 3] = [
    "AWS::ApiGatewayV2::",
    "AWS::ElasticLoadBalancingV2::",
    "AWS::Serverless::",
];
const UNDERSTOOD: [&str; 13] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::Serverless::Function",
    // Under another name the same API; and a way to load balancers that requests here do not take.
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
];

pub(super) fn api(template: &Template) -> Result<Api, TemplateError> {
    check_kinds(template)?;
    let (api_id, mut api) = only(template, "AWS::ApiGatewayV2::Api")?;
    api.expect("ProtocolType", "HTTP")?;
    let cors = api.take("CorsConfiguration").map(Cors::read).transpose()?;
    api.ignore(&[
        "Name",
        "Description",
        "Tags",
        "IpAddressType",
        "DisableExecuteApiEndpoint",
    ]);
    api.finish()?;
    let functions = Functions::read(template)?;
    let mut authorizers = authorizers::read(template, &api_id, &functions)?;
    let integrations = integrations(template, &api_id, &functions, &mut authorizers.environments)?;
    let routes = read_routes(template, &api_id, &authorizers, &integrations)?;
    check_permissions(template, &api_id, &functions, &routes)?;
    let (_, mut stage) = only(template, "AWS::ApiGatewayV2::Stage")?;
    stage.expect("ApiId", &api_id)?;
    let keys = routes
        .iter()
        .map(|(key, _)| key.to_string())
        .collect::<BTreeSet<_>>();
    let (stage, rules, functions) = (
        Stage::read(stage, &keys)?,
        rules(template)?,
        authorizers.environments,
    );
    Ok(Api {
        routes,
        cors,
        stage,
        rules,
        functions,
    })
}

fn check_kinds(template: &Template) -> Result<(), TemplateError> {
    let foreign = |kind: &&str| {
        SERVICES.iter().any(|service| kind.starts_with(service)) && !UNDERSTOOD.contains(kind)
    };
    match template.kinds().find(|(_, kind, _)| foreign(kind)) {
        Some((id, kind, position)) => Err(TemplateError::at(
            position,
            format!("{id} ({kind}) is not supported by the local gateway"),
        )),
        None => Ok(()),
    }
}

fn only(template: &Template, kind: &str) -> Result<(String, Fields), TemplateError> {
    let mut found = template.resources(kind)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some((id, fields)), Some(_)) => Err(TemplateError::at(
            fields.position,
            format!("{id} is a second {kind}; only one is supported"),
        )),
        (None, _) => Err(TemplateError::whole(format!("there is no {kind}"))),
    }
}

/// By priority, which is unique within a listener.
fn rules(template: &Template) -> Result<Vec<ListenerRule>, TemplateError> {
    let mut rules: Vec<ListenerRule> = Vec::new();
    for (id, fields) in template.resources("AWS::ElasticLoadBalancingV2::ListenerRule")? {
        let position = fields.position;
        let rule = ListenerRule::read(fields)?;
        if rules
            .iter()
            .any(|other| (&other.listener, other.priority) == (&rule.listener, rule.priority))
        {
            return Err(TemplateError::at(
                position,
                format!("{id} has the priority of another rule: {}", rule.priority),
            ));
        }
        rules.push(rule);
    }
    rules.sort_by_key(|rule| rule.priority);
    Ok(rules)
}

/// The environments of the functions that integrations lead to are added to those of the
/// authorizers.
fn integrations(
    template: &Template,
    api_id: &str,
    functions: &Functions,
    environments: &mut BTreeMap<String, BTreeMap<String, String>>,
) -> Result<HashMap<String, Arc<Integration>>, TemplateError> {
    let mut integrations = HashMap::new();
    for (id, mut fields) in template.resources("AWS::ApiGatewayV2::Integration")? {
        fields.expect("ApiId", api_id)?;
        let package = |uri: &str| {
            functions
                .invoked_by(uri)
                .map(|invoked| invoked.function.package.clone())
        };
        let integration = Integration::read(fields, package)?;
        if let Some(invoked) = functions.invoked_by(integration.uri()) {
            let Function {
                package,
                environment,
                ..
            } = invoked.function;
            environments
                .entry(package.clone())
                .or_insert_with(|| environment.clone());
        }
        integrations.insert(id, Arc::new(integration));
    }
    Ok(integrations)
}

/// Every route that leads to a function has leave to invoke it.
fn check_permissions(
    template: &Template,
    api_id: &str,
    functions: &Functions,
    routes: &RouteTable<Arc<Route>>,
) -> Result<(), TemplateError> {
    for (key, route) in routes.iter() {
        let Some(invoked) = functions.invoked_by(route.integration.uri()) else {
            continue;
        };
        let source = format!(
            "{api_id}/$default/{}{}",
            key.method().unwrap_or("*"),
            key.path()
        );
        if !functions.permitted(template, &invoked, &source)? {
            let problem = format!(
                "no AWS::Lambda::Permission lets `{}` invoke {}",
                route.key, invoked.function.id
            );
            return Err(TemplateError::whole(problem));
        }
    }
    Ok(())
}

fn read_routes(
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
