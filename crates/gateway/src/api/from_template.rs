//! Builds the API from the resources of a template.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::authorizer;
use super::function_resource::{FunctionResource, FunctionResources};
use super::route::{check_permissions, read_routes};
use super::{Api, Cors, Integration, ListenerRule, Stage};
use sam_template::{Fields, Template, TemplateError};

/// The services that requests pass. Their unsupported resource types are errors.
const CHECKED_SERVICES: [&str; 3] = [
    "AWS::ApiGatewayV2::",
    "AWS::ElasticLoadBalancingV2::",
    "AWS::Serverless::",
];
const SUPPORTED_TYPES: [&str; 13] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::Serverless::Function",
    // Domain names lead to the same API. Local requests do not pass load balancers.
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
];

impl Api {
    /// Reads the API of a template.
    ///
    /// # Errors
    /// [`TemplateError`] if a part of the API is missing, contradictory or not supported.
    pub fn from_template(template: &Template) -> Result<Self, TemplateError> {
        read_api(template)
    }
}

fn read_api(template: &Template) -> Result<Api, TemplateError> {
    check_types(template)?;
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

    let functions = FunctionResources::read(template)?;
    let mut authorizers = authorizer::read(template, &api_id, &functions)?;
    let integrations =
        read_integrations(template, &api_id, &functions, &mut authorizers.environments)?;
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
        read_rules(template)?,
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

fn check_types(template: &Template) -> Result<(), TemplateError> {
    let is_unsupported = |kind: &&str| {
        CHECKED_SERVICES
            .iter()
            .any(|service| kind.starts_with(service))
            && !SUPPORTED_TYPES.contains(kind)
    };

    match template.kinds().find(|(_, kind, _)| is_unsupported(kind)) {
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

/// Returns the listener rules by priority, which is unique per listener.
fn read_rules(template: &Template) -> Result<Vec<ListenerRule>, TemplateError> {
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
                format!(
                    "{id} has the same priority as another rule: {}",
                    rule.priority
                ),
            ));
        }
        rules.push(rule);
    }

    rules.sort_by_key(|rule| rule.priority);
    Ok(rules)
}

/// Reads the integrations, and adds the environments of their functions to `environments`.
fn read_integrations(
    template: &Template,
    api_id: &str,
    functions: &FunctionResources,
    environments: &mut BTreeMap<String, BTreeMap<String, String>>,
) -> Result<HashMap<String, Arc<Integration>>, TemplateError> {
    let mut integrations = HashMap::new();
    for (id, mut fields) in template.resources("AWS::ApiGatewayV2::Integration")? {
        fields.expect("ApiId", api_id)?;
        let package = |uri: &str| {
            functions
                .invoked_by(uri)
                .map(|target| target.function.package.clone())
        };
        let integration = Integration::read(fields, package)?;

        if let Some(target) = functions.invoked_by(integration.uri()) {
            let FunctionResource {
                package,
                environment,
                ..
            } = target.function;
            environments
                .entry(package.clone())
                .or_insert_with(|| environment.clone());
        }
        integrations.insert(id, Arc::new(integration));
    }
    Ok(integrations)
}
