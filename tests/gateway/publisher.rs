//! What the template says of the metrics publisher, and the publisher as `invoke` calls it.

use std::collections::{BTreeMap, BTreeSet};

use gateway::function::Function;
use sam_template::{Fields, Kind, Node, ParameterValues, Template};
use serde_json::{Value, json};
use telemetry::RecordLog;

use testing::Emulator;

fn template(given: &[(&str, &str)]) -> Template {
    let text = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let given: ParameterValues = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Template::parse(&text, &given).unwrap()
}

fn all() -> Template {
    template(&[
        ("PublishMetrics", "true"),
        ("CreateMetricsQueue", "true"),
        ("ProbeServices", "dynamodb"),
        ("MetricsInVpc", "true"),
        ("SyncTargets", "[]"),
    ])
}

fn texts(template: &Template, kind: &str, property: &str) -> BTreeMap<String, String> {
    let resources = template.resources(kind).unwrap();
    let texts = resources
        .into_iter()
        .filter_map(|(id, mut fields)| Some((id, fields.text(property).unwrap()?.0)));
    texts.collect()
}

fn function(template: &Template) -> Fields {
    let functions = template.resources("AWS::Serverless::Function").unwrap();
    functions
        .into_iter()
        .find(|(id, _)| id == "MetricsPublisherFunction")
        .unwrap()
        .1
}

fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => text.clone(),
        Kind::List(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Kind::Map(members) => members
            .iter()
            .map(|(name, _, value)| format!("{name}={}", shown(value)))
            .collect::<Vec<_>>()
            .join(";"),
        _ => String::new(),
    }
}

#[test]
fn nothing_that_costs_a_series_is_made_unless_it_is_asked_for() {
    let template = template(&[]);
    for kind in [
        "AWS::Logs::SubscriptionFilter",
        "AWS::CloudFormation::Stack",
    ] {
        assert!(template.resources(kind).unwrap().is_empty(), "{kind}");
    }
    let queues = template.resources("AWS::SQS::Queue").unwrap();
    assert!(
        queues.iter().all(|(id, _)| id == "ScheduleDeadLetters"),
        "which costs nothing while it is empty"
    );
    let functions = template.resources("AWS::Serverless::Function").unwrap();
    assert!(
        functions
            .iter()
            .all(|(id, _)| id != "MetricsPublisherFunction")
    );
}

#[test]
fn every_log_is_subscribed_to_with_a_filter_and_leave_but_never_the_publishers_own() {
    let template = all();
    let groups = texts(&template, "AWS::Logs::SubscriptionFilter", "LogGroupName");
    let filters = texts(&template, "AWS::Logs::SubscriptionFilter", "FilterPattern");
    let sources = texts(&template, "AWS::Lambda::Permission", "SourceArn");
    let subscribed: BTreeSet<&str> = groups.values().map(String::as_str).collect();
    let mut all: BTreeSet<String> = template
        .resources("AWS::Logs::LogGroup")
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    all.remove("MetricsPublisherLogGroup");
    assert_eq!(subscribed, all.iter().map(String::as_str).collect());
    for (id, group) in &groups {
        assert!(!filters[id].is_empty(), "{id}");
        assert!(
            sources
                .values()
                .any(|source| *source == format!("{group}.Arn")),
            "{id}: no leave to call"
        );
    }
}

#[test]
fn metrics_go_into_one_namespace_and_the_table_is_touched_where_series_are() {
    let roles = all().resources("AWS::IAM::Role").unwrap();
    let (_, mut role) = roles
        .into_iter()
        .find(|(id, _)| id == "MetricsPublisherFunctionRole")
        .unwrap();
    let policies = shown(&role.take("Policies").unwrap());
    assert!(
        policies.contains(
            "Action=cloudwatch:PutMetricData;Resource=*;Condition=StringEquals=cloudwatch:namespace=Tollgate/tollgate"
        ),
        "{policies}"
    );
    assert!(
        policies.contains("Condition=ForAllValues:StringLike=dynamodb:LeadingKeys=series#*"),
        "{policies}"
    );
    let allowed = policies
        .split("Sid=")
        .filter(|statement| statement.contains("Effect=Allow"));
    assert_eq!(
        allowed
            .filter(|statement| statement.contains("Resource=*"))
            .count(),
        1,
        "{policies}"
    );
}

#[test]
fn every_variable_that_the_publisher_is_given_is_one_that_it_reads() {
    let source =
        std::fs::read_to_string(tests::project().join("functions/metrics-publisher/src/config.rs"))
            .unwrap();
    let environment = shown(&function(&all()).take("Environment").unwrap());
    let variables = environment.strip_prefix("Variables=").unwrap();
    for variable in variables
        .split(';')
        .map(|member| member.split_once('=').unwrap().0)
    {
        assert!(source.contains(&format!("\"{variable}\"")), "{variable}");
    }
}

#[test]
fn deliveries_are_claimed_only_if_they_count_once() {
    for (value, is_once) in [("true", false), ("once", true)] {
        let template = template(&[("PublishMetrics", value)]);
        let environment = shown(&function(&template).take("Environment").unwrap());
        assert!(
            environment.contains(&format!("PUBLISH_ONCE={is_once}")),
            "{environment}"
        );

        let roles = template.resources("AWS::IAM::Role").unwrap();
        let mut roles = roles.into_iter();
        let (_, mut role) = roles
            .find(|(id, _)| id == "MetricsPublisherFunctionRole")
            .unwrap();
        let policies = shown(&role.take("Policies").unwrap());
        let statement = "Action=dynamodb:PutItem,dynamodb:DeleteItem;Resource=UsageTable.Arn;\
                         Condition=ForAllValues:StringLike=dynamodb:LeadingKeys=delivery#*";
        assert_eq!(policies.contains(statement), is_once, "{policies}");
    }
}

/// The names of the access log's fields in a template, in their order.
fn logged_fields(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(tests::project().join(path)).unwrap();
    let (_, format) = text.split_once("Format: >-").unwrap();
    let (format, _) = format.split_once("\"}").unwrap();
    format
        .split(',')
        .map(|field| field.split('"').nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn error_messages_are_the_last_fields_of_every_access_log() {
    let messages = ["error", "integration_error", "authorizer_error"];
    for path in ["template.yaml", "examples/rest-api.yaml"] {
        let fields = logged_fields(path);
        assert!(
            fields.len() > 20 && fields.contains(&"plan".to_owned()),
            "{path}: {fields:?}"
        );
        assert_eq!(fields[fields.len() - messages.len()..], messages, "{path}");
    }
}

#[test]
fn a_queue_hides_a_message_for_six_times_as_long_as_the_function_may_take() {
    let template = all();
    let timeout: u32 = function(&template).number("Timeout").unwrap().unwrap();
    let queues = texts(&template, "AWS::SQS::Queue", "VisibilityTimeout");
    assert_eq!(queues["MetricsQueue"].parse::<u32>().unwrap(), 6 * timeout);
    let mut mapping = template
        .resources("AWS::Lambda::EventSourceMapping")
        .unwrap()
        .remove(0)
        .1;
    assert_eq!(
        shown(&mapping.take("FunctionResponseTypes").unwrap()),
        "ReportBatchItemFailures"
    );
}

/// The answer to an event of which this many records were accepted and published, and nothing else
/// happened.
fn accepted(records: u64, requests: u32) -> Value {
    json!({
        "accepted": records,
        "rejected": [],
        "rejected_count": 0,
        "duplicates": 0,
        "skipped": 0,
        "published": records,
        "refused": 0,
        "lost": 0,
        "requests": requests,
        "events": 0,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn its_events_are_answered_as_they_would_be_deployed() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    let setting = move |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        "USAGE_TABLE" => Some("tollgate-usage".to_owned()),
        _ => None,
    };
    let function = Function::new(
        "metrics-publisher",
        None,
        setting,
        RecordLog::to(std::io::sink()),
    )
    .await
    .unwrap();
    for (case, expected) in [
        ("records", accepted(3, 1)),
        ("access-log", accepted(4, 1)),
        ("control-message", accepted(0, 0)),
        ("embedded-metrics", accepted(1, 1)),
        ("list", accepted(2, 1)),
        (
            "envelopes",
            json!({"batchItemFailures": [{"itemIdentifier": "00000000-0000-4000-8000-000000000006"}]}),
        ),
        (
            "queue",
            json!({"batchItemFailures": [{"itemIdentifier": "00000000-0000-4000-8000-000000000003"}]}),
        ),
    ] {
        let event =
            std::fs::read(tests::project().join(format!("events/metrics-publisher.{case}.json")))
                .unwrap();
        let answer: Value =
            serde_json::from_slice(&function.invoke(&event).await.unwrap()).unwrap();
        assert_eq!(answer, expected, "{case}");
    }
    let unknown =
        std::fs::read(tests::project().join("events/metrics-publisher.unknown.json")).unwrap();
    assert_eq!(
        function.invoke(&unknown).await.unwrap_err().error_type,
        "InvalidEvent"
    );
}
