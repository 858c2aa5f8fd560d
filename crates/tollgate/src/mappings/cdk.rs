//! The ES module for the AWS CDK, in JavaScript that is also valid TypeScript.

use serde_json::{Value, json};

use super::{Authorization, Integration, Mappings};

const HEADER: &str = "\
// Printed by `tollgate mappings --format cdk`. Each value has properties of a construct of aws-cdk-lib/aws-apigatewayv2.
// Add what depends on your API:
//
//   new CfnAuthorizer(this, 'Tollgate', {...authorizer, apiId, authorizerUri});
//   new CfnIntegration(this, 'Protected', {...protectedIntegration, apiId, connectionId, integrationUri: listenerArn});
//   new CfnIntegration(this, 'Limiter', {...limiterIntegration, apiId, integrationUri: limiterUri});
//   for (const route of limiterRoutes) new CfnRoute(this, route.routeKey, {...route, apiId, target, authorizerId});
//
// Only routes with authorizationType CUSTOM take authorizerId.
";

/// Returns the module.
pub(super) fn text(mappings: &Mappings) -> String {
    let authorizer = json!({
        "name": "tollgate",
        "authorizerType": "REQUEST",
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": true,
        "authorizerResultTtlInSeconds": 0,
    });
    let limiter = json!({
        "integrationType": "AWS_PROXY",
        "integrationMethod": "POST",
        "payloadFormatVersion": "2.0",
        "timeoutInMillis": mappings.limiter_timeout_ms,
    });

    let constants = [
        ("authorizer", authorizer),
        ("protectedIntegration", integration(&mappings.protected)),
        ("publicIntegration", integration(&mappings.public)),
        ("limiterIntegration", limiter),
        ("limiterRoutes", routes(mappings)),
    ];
    let constants = constants.map(|(name, value)| format!("\nexport const {name} = {value:#};\n"));
    format!("{HEADER}{}", constants.concat())
}

fn integration(integration: &Integration) -> Value {
    let response: serde_json::Map<_, _> = integration
        .response
        .iter()
        .map(|(status, mappings)| {
            let list: Vec<_> = mappings
                .iter()
                .map(|(name, source)| json!({"Destination": name, "Source": source}))
                .collect();
            (status.clone(), json!({"ResponseParameters": list}))
        })
        .collect();

    json!({
        "integrationType": "HTTP_PROXY",
        "integrationMethod": "ANY",
        "connectionType": "VPC_LINK",
        "payloadFormatVersion": "1.0",
        "timeoutInMillis": integration.timeout_ms,
        "requestParameters": integration.request,
        "responseParameters": response,
    })
}

fn routes(mappings: &Mappings) -> Value {
    let routes = mappings.routes.iter().map(|route| {
        let authorization = match route.authorization {
            Authorization::None => "NONE",
            Authorization::Iam => "AWS_IAM",
            Authorization::Authorizer => "CUSTOM",
        };
        json!({"routeKey": route.key, "authorizationType": authorization})
    });
    routes.collect()
}
