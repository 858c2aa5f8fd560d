//! The OpenAPI document with the extensions of API Gateway.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html>.

use serde_json::{Map, Value, json};

use super::{Authorization, Integration, Mappings};

/// The values that depend on the deployment.
pub(super) struct Names {
    pub(super) title: Value,
    /// The URI that invokes the authorizer.
    pub(super) authorizer_uri: Value,
    /// The URI that invokes the limiter.
    pub(super) limiter_uri: Value,
    pub(super) listener_arn: Value,
    pub(super) vpc_link_id: Value,
    /// The secret that proves the origin of requests, if the tool cannot read it.
    pub(super) origin_secret: Option<&'static str>,
}

/// Returns the document, with placeholders such as `${vpc_link_id}`.
pub(super) fn text(mappings: &Mappings) -> String {
    let names = Names {
        title: "${api_name}".into(),
        authorizer_uri: "${authorizer_invocation_uri}".into(),
        limiter_uri: "${limiter_invocation_uri}".into(),
        listener_arn: "${alb_listener_arn}".into(),
        vpc_link_id: "${vpc_link_id}".into(),
        origin_secret: Some("${origin_secret}"),
    };
    let mut document = document(mappings, &names);
    document["components"]["securitySchemes"]["Tollgate"] = json!({
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "authorizerPayloadFormatVersion": "2.0",
            "enableSimpleResponses": true,
            "authorizerResultTtlInSeconds": 0,
            "authorizerUri": names.authorizer_uri,
        },
    });
    format!("{document:#}\n")
}

/// Returns the document without the security scheme of the authorizer.
pub(super) fn document(mappings: &Mappings, names: &Names) -> Value {
    let limiter = json!({
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": names.limiter_uri,
        "payloadFormatVersion": "2.0",
        "timeoutInMillis": mappings.limiter_timeout_ms,
    });

    json!({
        "openapi": "3.0.1",
        "info": {"title": names.title, "version": "1"},
        "paths": paths(mappings, &limiter),
        "components": {
            "securitySchemes": {
                "AWS_IAM": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
            "x-amazon-apigateway-integrations": {
                "TollgateProtected": integration(&mappings.protected, names),
                "TollgatePublic": integration(&mappings.public, names),
            },
        },
    })
}

fn paths(mappings: &Mappings, limiter: &Value) -> Value {
    let mut paths = Map::new();
    for route in &mappings.routes {
        let (method, path) = route.method_and_path();
        let security = match route.authorization {
            Authorization::None => json!([]),
            Authorization::Iam => json!([{"AWS_IAM": []}]),
            Authorization::Authorizer => json!([{"Tollgate": []}]),
        };
        let mut operation = json!({
            "responses": {"default": {"description": "Response of the limiter"}},
            "security": security,
            "x-amazon-apigateway-integration": limiter,
        });
        let is_greedy = path.contains("{proxy+}");
        if is_greedy {
            operation["parameters"] = json!([
                {"name": "proxy+", "in": "path", "required": true, "schema": {"type": "string"}}
            ]);
        }

        paths.insert(path.to_owned(), json!({method: operation}));
    }
    paths.into()
}

fn integration(integration: &Integration, names: &Names) -> Value {
    let request = match names.origin_secret {
        Some(source) => integration.with_dynamic_reference(source),
        None => integration.request.clone(),
    };
    json!({
        "type": "http_proxy",
        "httpMethod": "ANY",
        "connectionType": "VPC_LINK",
        "connectionId": names.vpc_link_id,
        "uri": names.listener_arn,
        "payloadFormatVersion": "1.0",
        "timeoutInMillis": integration.timeout_ms,
        "requestParameters": request,
        "responseParameters": integration.response,
    })
}
