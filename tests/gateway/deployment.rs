//! What the template says of names, versions, logs and tables, beside what the code does.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use authorizer::{Config, log_to};
use gateway::api::Api;
use gateway::function::Function;
use sam_template::{Fields, Kind, Node, ParameterValues, Template};
use serde_json::Value;
use telemetry::RecordLog;

/// The longest access-log format that API Gateway takes, in bytes ("Amazon API Gateway quotas").
const LONGEST_FORMAT: usize = 3072;

const DOMAIN: [(&str, &str); 2] = [
    ("DomainName", "api.example.com"),
    (
        "CertificateArn",
        "arn:aws:acm:us-east-1:123456789012:certificate/1",
    ),
];

fn template(given: &[(&str, &str)]) -> Template {
    let text = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let given: ParameterValues = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Template::parse(&text, &given).unwrap()
}

/// A resource's properties under these parameters.
fn resource(given: &[(&str, &str)], kind: &str, id: &str) -> Option<Fields> {
    let resources = template(given).resources(kind).unwrap();
    resources
        .into_iter()
        .find(|(known, _)| known == id)
        .map(|(_, fields)| fields)
}

fn text(fields: &mut Fields, name: &str) -> String {
    fields.require_text(name).unwrap().0
}

/// What a node holds, without its place.
fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Null => String::new(),
        Kind::Text(text) => text.clone(),
        Kind::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Kind::Map(members) => members
            .iter()
            .map(|(name, _, value)| format!("{name}={};", shown(value)))
            .collect(),
        Kind::Call(function, argument) => format!("{function}({})", shown(argument)),
    }
}

/// The environment of the authorizer.
fn environment(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut function = resource(given, "AWS::Serverless::Function", "AuthorizerFunction").unwrap();
    let mut environment =
        Fields::of(function.require("Environment").unwrap(), "Environment").unwrap();
    let variables = Fields::of(environment.require("Variables").unwrap(), "Variables")
        .unwrap()
        .rest();
    variables
        .into_iter()
        .map(|(name, _, value)| (name, shown(&value)))
        .collect()
}

#[test]
fn a_name_of_ones_own_asks_for_tls_and_for_certificates_where_there_is_a_truststore() {
    let domain =
        |given: &[(&str, &str)]| resource(given, "AWS::ApiGatewayV2::DomainName", "Domain");
    assert!(domain(&[]).is_none());
    let mut plain = domain(&DOMAIN).unwrap();
    let configuration = shown(&plain.require("DomainNameConfigurations").unwrap());
    assert!(
        configuration.contains("SecurityPolicy=TLS_1_2;")
            && configuration.contains("EndpointType=REGIONAL;")
    );
    assert!(plain.take("MutualTlsAuthentication").is_none());
    let trusted = [
        DOMAIN.as_slice(),
        &[("TruststoreUri", "s3://bucket/truststore.pem")],
    ]
    .concat();
    let mutual = shown(
        &domain(&trusted)
            .unwrap()
            .require("MutualTlsAuthentication")
            .unwrap(),
    );
    assert_eq!(mutual, "TruststoreUri=s3://bucket/truststore.pem;");
    for (given, disabled) in [(DOMAIN.as_slice(), "false"), (&trusted, "true")] {
        let mut api = resource(given, "AWS::ApiGatewayV2::Api", "Api").unwrap();
        assert_eq!(
            text(&mut api, "DisableExecuteApiEndpoint"),
            disabled,
            "{given:?}"
        );
        assert!(Api::from_template(&template(given)).is_ok());
    }
}

#[test]
fn the_name_is_entered_in_the_zone_that_was_given() {
    let record =
        |given: &[(&str, &str)]| resource(given, "AWS::Route53::RecordSet", "DomainRecord");
    assert!(record(&DOMAIN).is_none());
    let mut record = record(&[DOMAIN.as_slice(), &[("HostedZoneId", "Z1")]].concat()).unwrap();
    let told = ["HostedZoneId", "Name", "Type"].map(|name| text(&mut record, name));
    assert_eq!(told, ["Z1", "api.example.com", "A"]);
    let mut mapping = resource(&DOMAIN, "AWS::ApiGatewayV2::ApiMapping", "DomainMapping").unwrap();
    assert_eq!(
        ["ApiId", "DomainName", "Stage"].map(|name| text(&mut mapping, name)),
        ["Api", "Domain", "Stage"]
    );
}

/// A version keeps its settings, so whatever is not in this content would not reach callers when it
/// changes.
#[test]
fn every_setting_of_the_authorizer_makes_a_new_version_when_it_changes() {
    let kind = "AWS::AppConfig::HostedConfigurationVersion";
    let content = |given: &[(&str, &str)]| {
        text(
            &mut resource(given, kind, "AuthorizerSettingsVersion").unwrap(),
            "Content",
        )
    };
    // It depends only on parameters below.
    let derived = ["AUTH_POLICY"];
    for (name, value) in environment(&[]) {
        assert!(
            derived.contains(&&*name) || content(&[]).lines().any(|line| line == value),
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("AuthPolicy", "table:main"),
        ("LogDecisions", "all"),
        ("JwtIssuer", "https://auth.example.com"),
        ("CreateVpcLink", "false"),
        ("OnThrottle", "forbid"),
        ("DecisionDeadlineMs", "300"),
        ("LocalInstances", "3"),
        ("Architecture", "x86_64"),
        ("KeyHeader", "api-key"),
    ] {
        assert_ne!(content(&[(name, value)]), content(&[]), "{name}");
    }
    let function = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    assert!(
        function.contains(
            "VersionDescription: !Sub Settings ${AuthorizerSettingsVersion.VersionNumber}"
        )
    );
}

#[test]
fn the_policy_is_made_of_an_issuer_and_its_audience_unless_one_is_given() {
    let policy = |given: &[(&str, &str)]| {
        let environment = environment(given);
        let config = Config::from_lookup({
            let environment = environment.clone();
            move |name| environment.get(name).cloned()
        });
        assert!(config.is_ok(), "{:?}", config.err());
        environment["AUTH_POLICY"].clone()
    };
    let parsed: Value = serde_json::from_str(&policy(&[])).unwrap();
    assert_eq!(
        (&parsed["issuers"], &parsed["api_keys"]),
        (&Value::Null, &Value::Null),
        "KEY_HEADER is the default"
    );
    let parsed: Value = serde_json::from_str(&policy(&[
        ("JwtIssuer", "https://auth.example.com"),
        ("JwtAudience", "https://api.example.com"),
    ]))
    .unwrap();
    assert_eq!(parsed["issuers"][0]["issuer"], "https://auth.example.com");
    assert_eq!(
        parsed["issuers"][0]["audiences"][0],
        "https://api.example.com"
    );
    assert_eq!(
        (
            &parsed["issuers"][0]["plan_claim"],
            &parsed["issuers"][0]["default_plan"]
        ),
        (&"plan".into(), &"free".into())
    );
    assert_eq!(policy(&[("AuthPolicy", "table:main")]), "table:main");
}

#[test]
fn the_access_log_is_one_line_of_json_and_not_too_long() {
    let mut stage = resource(&[], "AWS::ApiGatewayV2::Stage", "Stage").unwrap();
    let mut settings = Fields::of(
        stage.require("AccessLogSettings").unwrap(),
        "AccessLogSettings",
    )
    .unwrap();
    let format = text(&mut settings, "Format");
    assert!(
        format.len() <= LONGEST_FORMAT && !format.contains('\n'),
        "{}",
        format.len()
    );
    let members: BTreeMap<String, String> = serde_json::from_str(&format).unwrap();
    for name in [
        "route",
        "decision",
        "reason",
        "plan",
        "key_id",
        "authorizer_ms",
    ] {
        assert_eq!(members[name], format!("$context.authorizer.{name}"));
    }
    for (name, variable) in [
        ("route_key", "routeKey"),
        ("integration_latency_ms", "integrationLatency"),
        ("integration_error", "integrationErrorMessage"),
        ("error", "error.message"),
    ] {
        assert_eq!(members[name], format!("$context.{variable}"));
    }
}

#[test]
fn logs_are_kept_by_environment_unless_days_are_given() {
    let days = |given: &[(&str, &str)]| {
        let groups = template(given).resources("AWS::Logs::LogGroup").unwrap();
        let mut days: Vec<_> = groups
            .into_iter()
            .map(|(_, mut fields)| text(&mut fields, "RetentionInDays"))
            .collect();
        days.dedup();
        days
    };
    for (environment, expected) in [
        ("development", "7"),
        ("staging", "30"),
        ("production", "365"),
    ] {
        assert_eq!(days(&[("Environment", environment)]), [expected]);
    }
    assert_eq!(
        days(&[("Environment", "production"), ("LogRetentionDays", "90")]),
        ["90"]
    );
}

#[test]
fn tables_are_recoverable_encrypted_and_protected_if_the_parameter_says_so() {
    for table in ["RegistryTable", "UsageTable"] {
        for (given, protected) in [("", "false"), ("false", "false"), ("true", "true")] {
            let given = [("Environment", "production"), ("DeletionProtection", given)];
            let mut table = resource(&given, "AWS::DynamoDB::Table", table).unwrap();
            assert_eq!(
                text(&mut table, "DeletionProtectionEnabled"),
                protected,
                "{given:?}"
            );
            assert_eq!(text(&mut table, "BillingMode"), "PAY_PER_REQUEST");
            let said = [
                "PointInTimeRecoverySpecification",
                "SSESpecification",
                "TimeToLiveSpecification",
            ]
            .map(|name| shown(&table.require(name).unwrap()));
            assert_eq!(
                said,
                [
                    "PointInTimeRecoveryEnabled=true;",
                    "SSEEnabled=true;",
                    "AttributeName=ttl;Enabled=true;"
                ]
            );
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether a filter pattern takes a line: clauses of comparisons, as "Filter pattern syntax" of
/// CloudWatch Logs has them, without parentheses inside of a clause.
fn takes(pattern: &str, line: &Value) -> bool {
    let pattern = pattern
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .expect("a JSON pattern");
    let compares = |comparison: &str| {
        let mut parts = comparison.trim().splitn(3, ' ');
        let (selector, operator, value) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        let path = selector
            .strip_prefix("$.")
            .expect("a selector")
            .replace('.', "/");
        let value = value.trim_matches('"');
        match (
            line.pointer(&format!("/{path}")).and_then(Value::as_str),
            operator,
        ) {
            (Some(found), "=") => value == "*" || found == value,
            (Some(found), "!=") => found != value,
            (None, "=" | "!=") => false,
            (_, other) => panic!("`{other}` is no comparison"),
        }
    };
    let clause = |clause: &str| {
        clause
            .trim()
            .trim_matches(['(', ')'])
            .split("&&")
            .all(compares)
    };
    pattern.split("||").any(clause)
}

#[tokio::test]
async fn the_metric_of_faults_counts_what_is_a_500_and_no_refusal() {
    let mut filter = resource(&[], "AWS::Logs::MetricFilter", "AuthorizerFaultsFilter").unwrap();
    let pattern = text(&mut filter, "FilterPattern");
    let file = |name: &str| std::fs::read(tests::project().join("events").join(name)).unwrap();
    let settings: Value = serde_json::from_slice(&file("env.json")).unwrap();
    let setting = move |name: &str| {
        settings["AuthorizerFunction"][name]
            .as_str()
            .map(str::to_owned)
    };
    let function = Function::new("authorizer", None, setting, RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    for (event, counted) in [
        ("fault", 1),
        ("allowed", 0),
        ("no-rule", 0),
        ("unknown-key", 0),
        ("token-expired", 0),
    ] {
        let log = Log::default();
        let writer = log.clone();
        let guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
        let answer = function
            .invoke(&file(&format!("authorizer.{event}.json")))
            .await;
        drop(guard);
        let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        // A plain allowed decision is not logged by default.
        assert_eq!(
            lines.iter().any(|line| line["message"] == "decided"),
            event != "allowed",
            "{event}: {lines:?}"
        );
        assert_eq!(
            lines.iter().filter(|line| takes(&pattern, line)).count(),
            counted,
            "{event}: {answer:?}"
        );
    }
    for (line, counted) in [
        (
            r#"{"level":"ERROR","reason":"fault","message":"panicked"}"#,
            true,
        ),
        (
            r#"{"message":"decided","reason":"keys_unavailable","problem":"cannot fetch the issuer's signing keys"}"#,
            true,
        ),
        (
            r#"{"message":"the policy could not be reloaded; the previous one stays active","problem":"x"}"#,
            false,
        ),
        (
            r#"{"type":"platform.initReport","record":{"status":"error"}}"#,
            true,
        ),
        (
            r#"{"type":"platform.report","record":{"status":"timeout"}}"#,
            true,
        ),
        (
            r#"{"type":"platform.report","record":{"status":"error"}}"#,
            false,
        ),
    ] {
        assert_eq!(
            takes(&pattern, &serde_json::from_str(line).unwrap()),
            counted,
            "{line}"
        );
    }
}

#[test]
fn a_gradual_deployment_is_braked_by_the_metric_of_faults() {
    let given = [("GradualDeployment", "true")];
    let mut function = resource(&given, "AWS::Serverless::Function", "AuthorizerFunction").unwrap();
    let preference = shown(&function.require("DeploymentPreference").unwrap());
    assert_eq!(
        preference,
        "Enabled=true;Type=Canary10Percent5Minutes;Role=CodeDeployServiceRole.Arn;Alarms=AuthorizerFaultsAlarm;"
    );
    let mut alarm = resource(&given, "AWS::CloudWatch::Alarm", "AuthorizerFaultsAlarm").unwrap();
    let mut filter = resource(&given, "AWS::Logs::MetricFilter", "AuthorizerFaultsFilter").unwrap();
    let metric = shown(&filter.require("MetricTransformations").unwrap());
    let (namespace, name) = (
        text(&mut alarm, "Namespace"),
        text(&mut alarm, "MetricName"),
    );
    assert!(
        metric.contains(&format!("MetricNamespace={namespace};MetricName={name};")),
        "{metric}"
    );
    assert!(resource(&[], "AWS::CloudWatch::Alarm", "AuthorizerFaultsAlarm").is_none());
}

#[test]
fn what_a_schedule_could_not_do_is_kept() {
    let given = [
        ("PublishMetrics", "true"),
        ("ProbeServices", "dynamodb"),
        ("SyncTargets", "[]"),
    ];
    let all = template(&given);
    for (id, mut rule) in all.resources("AWS::Events::Rule").unwrap() {
        let targets = shown(&rule.require("Targets").unwrap());
        assert!(
            targets.contains("DeadLetterConfig=Arn=ScheduleDeadLetters.Arn;"),
            "{id}: {targets}"
        );
    }
    for (id, mut function) in all.resources("AWS::Serverless::Function").unwrap() {
        let asynchronous = function.take("EventInvokeConfig").map(|node| shown(&node));
        assert!(
            asynchronous.is_none_or(|config| config.contains("OnFailure=Type=SQS;")),
            "{id}"
        );
        let events = function.take("Events").map(|node| shown(&node));
        assert!(
            events.is_none_or(
                |events| events.contains("DeadLetterConfig=Arn=ScheduleDeadLetters.Arn;")
            ),
            "{id}"
        );
    }
}
