//! Authorizers, the functions they invoke, and the leave to do so.

use std::collections::{BTreeMap, HashMap};

use crate::template::{Fields, Node, Template, TemplateError};

/// Where AWS Lambda takes invocations from API Gateway.
const INVOCATIONS: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/";

/// What is known of an API's authorizers.
pub(super) struct Authorizers {
    /// The package of each authorizer's function, by the authorizer's id.
    pub(super) packages: HashMap<String, String>,
    /// The environment of each of these functions, by its package.
    pub(super) environments: BTreeMap<String, BTreeMap<String, String>>,
}

struct Function {
    arn: String,
    package: String,
    environment: BTreeMap<String, String>,
}

pub(super) fn read(template: &Template, api_id: &str) -> Result<Authorizers, TemplateError> {
    let functions = functions(template)?;
    let mut authorizers = Authorizers { packages: HashMap::new(), environments: BTreeMap::new() };
    for (id, mut fields) in template.resources("AWS::ApiGatewayV2::Authorizer")? {
        fields.expect("ApiId", api_id)?;
        fields.expect("AuthorizerType", "REQUEST")?;
        fields.expect("AuthorizerPayloadFormatVersion", "2.0")?;
        fields.expect("EnableSimpleResponses", "true")?;
        fields.expect("AuthorizerResultTtlInSeconds", "0")?;
        let (uri, position) = fields.require_text("AuthorizerUri")?;
        fields.ignore(&["Name"]);
        fields.finish()?;
        let function =
            functions.iter().find(|(_, function)| uri == format!("{INVOCATIONS}{}/invocations", function.arn));
        let (function_id, function) = function
            .ok_or_else(|| TemplateError::at(position, "`AuthorizerUri` names no function of this template"))?;
        if !permitted(template, function_id, &format!(":{api_id}/authorizers/{id}"))? {
            let problem = format!("no AWS::Lambda::Permission lets this authorizer invoke {function_id}");
            return Err(TemplateError::at(position, problem));
        }
        authorizers.packages.insert(id, function.package.clone());
        authorizers.environments.insert(function.package.clone(), function.environment.clone());
    }
    Ok(authorizers)
}

/// Functions by logical id. A folder, its package and its binary have one name.
fn functions(template: &Template) -> Result<HashMap<String, Function>, TemplateError> {
    let mut functions = HashMap::new();
    for (id, mut fields) in template.resources("AWS::Serverless::Function")? {
        let (folder, _) = fields.require_text("CodeUri")?;
        let package = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let environment = fields.take("Environment").map_or_else(|| Ok(BTreeMap::new()), environment)?;
        let (arn, _) = template.attribute_of(&id, "Arn", fields.position)?.into_text("Arn")?;
        functions.insert(id, Function { arn, package, environment });
    }
    Ok(functions)
}

fn environment(node: Node) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut fields = Fields::of(node, "Environment")?;
    let variables = Fields::of(fields.require("Variables")?, "Variables")?.rest();
    fields.finish()?;
    variables.into_iter().map(|(name, _, value)| value.into_text(&name).map(|(text, _)| (name.clone(), text))).collect()
}

/// Whether API Gateway may invoke a function from a source whose ARN ends so.
fn permitted(template: &Template, function_id: &str, source: &str) -> Result<bool, TemplateError> {
    for (_, mut fields) in template.resources("AWS::Lambda::Permission")? {
        let (action, _) = fields.require_text("Action")?;
        let (principal, _) = fields.require_text("Principal")?;
        let (function, _) = fields.require_text("FunctionName")?;
        let from_here = fields.text("SourceArn")?.is_none_or(|(arn, _)| arn.ends_with(source));
        let named = function.rsplit(':').next() == Some(function_id);
        fields.finish()?;
        if named && from_here && action == "lambda:InvokeFunction" && principal == "apigateway.amazonaws.com" {
            return Ok(true);
        }
    }
    Ok(false)
}
