//! The SAM template with an `AWS::Serverless::HttpApi`.

use serde_json::{Value, json};

use super::openapi::{Names, document};
use super::{Authorization, Mappings, yaml};

const HEADER: &str = "\
# Printed by `tollgate mappings --format sam`. Deploy Tollgate with HttpApiId=none, and pass its outputs as parameters.
# Functions in this template add their routes to Api with events of type HttpApi. DefaultAuthorizer protects them.
";

/// Returns the template in YAML.
pub(super) fn text(mappings: &Mappings) -> String {
    let invocation = |parameter: &str| {
        let uri =
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions";
        json!({"Fn::Sub": format!("{uri}/${{{parameter}}}/invocations")})
    };
    let reference = |parameter: &str| json!({"Ref": parameter});
    let names = Names {
        title: reference("AWS::StackName"),
        authorizer_uri: invocation("AuthorizerAliasArn"),
        limiter_uri: invocation("LimiterFunctionArn"),
        listener_arn: reference("AlbListenerArn"),
        vpc_link_id: reference("VpcLinkId"),
        // CloudFormation resolves it.
        origin_secret: None,
    };

    let mut definition = document(mappings, &names);
    mark_public_routes(mappings, &mut definition);
    format!("{HEADER}{}", yaml::text(&template(&definition)))
}

/// Marks the public routes as SAM expects. With an empty list, SAM would add the default authorizer.
fn mark_public_routes(mappings: &Mappings, definition: &mut Value) {
    let public = mappings
        .routes
        .iter()
        .filter(|route| route.authorization == Authorization::None);
    for route in public {
        let (method, path) = route.method_and_path();
        definition["paths"][path][method]["security"] = json!([{"NONE": []}]);
    }
}

fn template(definition: &Value) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {
            "AuthorizerAliasArn": {"Type": "String"},
            "LimiterFunctionArn": {"Type": "String"},
            "VpcLinkId": {"Type": "String"},
            "AlbListenerArn": {"Type": "String"},
        },
        "Resources": {
            "Api": {
                "Type": "AWS::Serverless::HttpApi",
                "Properties": {"Auth": auth(), "DefinitionBody": definition},
            },
            "LimiterPermission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "LimiterFunctionArn"},
                    "Principal": "apigateway.amazonaws.com",
                    "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/_tollgate/*"},
                },
            },
        },
    })
}

/// The authorizer. Without `ReauthorizeEvery: 0`, API Gateway would repeat a decision.
fn auth() -> Value {
    json!({
        "DefaultAuthorizer": "Tollgate",
        "EnableIamAuthorizer": true,
        "Authorizers": {
            "Tollgate": {
                "FunctionArn": {"Ref": "AuthorizerAliasArn"},
                "AuthorizerPayloadFormatVersion": "2.0",
                "EnableSimpleResponses": true,
                "EnableFunctionDefaultPermissions": true,
                "Identity": {"ReauthorizeEvery": 0},
            },
        },
    })
}
