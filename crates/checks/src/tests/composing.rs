//! The recorded responses of a stack with a composer.

use serde_json::{Value, json};

use super::recorded::Recorded;

/// The policy of the composer, by the name of its file.
pub(crate) const COMPOSER_POLICY: &str =
    "lambda.GET@tollgate-ComposerFunction-AbCdEfGh~policy.json";
/// The configuration of the composer, by the name of its file.
pub(crate) const COMPOSER: &str = "lambda.GET@ComposerFunction-AbCdEfGh~configuration.json";
const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json";
/// The inbound rules of the load balancer, by the name of their file.
const RULES: &str = "ec2.DescribeSecurityGroupRules@sg-0alb.xml";
const COMPOSITIONS: &str = r#"{"services":{"default":{"url":"https://services.example.com"}},"routes":{"GET /bff/me":{"parts":{"user":{"get":"/users/{user_id}"}}}}}"#;
/// The resources that the stack has in addition: the name, the type and the physical ID.
const RESOURCES: [(&str, &str, &str); 9] = [
    ("CompositionsRoute", "ApiGatewayV2::Route", "rtcomposition"),
    (
        "ComposerIntegration",
        "ApiGatewayV2::Integration",
        "intcomp",
    ),
    (
        "ComposerPermission",
        "Lambda::Permission",
        "tollgate-ComposerPermission-AbCdEfGh",
    ),
    (
        "ComposerFunction",
        "Lambda::Function",
        "tollgate-ComposerFunction-AbCdEfGh",
    ),
    (
        "ComposerFunctionRole",
        "IAM::Role",
        "tollgate-ComposerFunctionRole-AbCdEfGh",
    ),
    (
        "ComposerLogGroup",
        "Logs::LogGroup",
        "/aws/lambda/tollgate-composer",
    ),
    (
        "ComposerSecurityGroup",
        "EC2::SecurityGroup",
        "sg-0composer",
    ),
    (
        "FunctionSecurityGroup",
        "EC2::SecurityGroup",
        "sg-0functions",
    ),
    (
        "AlbFromComposer",
        "EC2::SecurityGroupIngress",
        "sgr-0fromcomposer",
    ),
];

impl Recorded {
    /// Returns the responses of a healthy stack with a composer.
    pub(crate) fn composing() -> Self {
        let limiter = "lambda.GET@tollgate-LimiterFunction-AbCdEfGh~policy.json";
        let policy = Self::healthy().body(limiter);
        let policy = policy
            .replace("Limiter", "Composer")
            .replace("/_tollgate/*", "/bff/*");
        let configuration = composer(&Self::healthy().body(LIMITER));

        Self::healthy()
            .with_parameter("Compositions", COMPOSITIONS)
            .with("cloudformation.DescribeStacks.xml", with_outputs)
            .with("cloudformation.ListStackResources.xml", with_resources)
            .with_json("apigateway.GET@apis~a1b2c3d4e5~routes.json", |routes| {
                push(
                    routes,
                    json!({"routeId": "rtcomposition", "authorizerId": "auth01",
                    "routeKey": "ANY /bff/{proxy+}", "authorizationType": "CUSTOM",
                    "target": "integrations/intcomp"}),
                );
            })
            .with_json("apigateway.GET@apis~a1b2c3d4e5~integrations.json", |all| {
                push(all, integration());
            })
            .with_json(LIMITER, |limiter| {
                limiter["Environment"]["Variables"]["COMPOSITIONS_PREFIX"] = "/bff".into();
            })
            .answering(COMPOSER_POLICY, policy)
            .answering(COMPOSER, configuration)
            .answering(
                "ec2.DescribeNetworkInterfaces@sg-0composer.xml",
                interfaces("lambda"),
            )
            .with(RULES, |text| {
                let rule = "<item><groupId>sg-0alb</groupId><isEgress>false</isEgress>\
                    <ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>\
                    <referencedGroupInfo><groupId>sg-0composer</groupId></referencedGroupInfo>\
                    </item></securityGroupRuleSet>";
                text.replace("</securityGroupRuleSet>", rule)
            })
    }
}

/// Returns network interfaces of a type with the group of the composer.
pub(crate) fn interfaces(kind: &str) -> String {
    format!(
        "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>\
         <networkInterfaceId>eni-0composer</networkInterfaceId>\
         <description>AWS Lambda VPC ENI</description><interfaceType>{kind}</interfaceType>\
         </item></networkInterfaceSet></DescribeNetworkInterfacesResponse>"
    )
}

fn push(list: &mut Value, item: Value) {
    list["items"].as_array_mut().unwrap().push(item);
}

fn integration() -> Value {
    let function =
        "arn:aws:lambda:eu-west-1:111122223333:function:tollgate-ComposerFunction-AbCdEfGh";
    let uri = format!(
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations"
    );
    json!({"integrationId": "intcomp", "integrationType": "AWS_PROXY", "integrationMethod": "POST",
        "integrationUri": uri, "payloadFormatVersion": "2.0", "timeoutInMillis": 25_000})
}

fn with_outputs(text: &str) -> String {
    let outputs = "<Outputs>\n<member><OutputKey>ComposerFunctionName</OutputKey>\
        <OutputValue>tollgate-ComposerFunction-AbCdEfGh</OutputValue></member>\n";
    text.replacen("<Outputs>\n", outputs, 1)
}

fn with_resources(text: &str) -> String {
    let mut resources = String::from("<StackResourceSummaries>");
    for (name, kind, id) in RESOURCES {
        resources.push_str(&format!(
            "<member><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
             <LogicalResourceId>{name}</LogicalResourceId>\
             <LastUpdatedTimestamp>2026-11-20T10:00:00Z</LastUpdatedTimestamp>\
             <PhysicalResourceId>{id}</PhysicalResourceId>\
             <ResourceType>AWS::{kind}</ResourceType></member>\n"
        ));
    }
    text.replacen("<StackResourceSummaries>", &resources, 1)
}

/// Returns the configuration of the composer, from that of the limiter.
fn composer(limiter: &str) -> String {
    let text = limiter
        .replace("LimiterFunction", "ComposerFunction")
        .replace("tollgate-limiter", "tollgate-composer");
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["VpcConfig"] = json!({"VpcId": "vpc-0a1",
        "SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0functions", "sg-0composer"]});
    configuration["Description"] = "Composes responses from several services".into();
    configuration["Timeout"] = 24.into();
    let variables = &mut configuration["Environment"]["Variables"];
    variables["COMPOSITIONS"] = COMPOSITIONS.into();
    variables["COMPOSITIONS_PREFIX"] = "/bff".into();
    variables["BACKEND_URL"] = "".into();
    variables["ORIGIN_SECRET"] = "-".into();
    variables["AUTH_POLICY"] = concat!(
        r#"{"issuers":[{"issuer":"https://issuer.example.com","audiences":["https://api.example.com"],"#,
        r#""plan_claim":"plan","default_plan":"free"}],"rules":[{"match":"ANY /","auth":"any"},"#,
        r#"{"match":"ANY /{proxy+}","auth":"any"}]}"#
    )
    .into();
    configuration.to_string()
}
