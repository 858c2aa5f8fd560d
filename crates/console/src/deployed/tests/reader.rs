//! The settings of the stack, and the permissions of all calls.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AwsError, AwsService};
use bytes::Bytes;
use checks::aws::Transport;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::aws::Aws;
use super::super::reader::Reader;
use super::overview::{gateway, published};
use super::recorded::{Recorded, events, reasons};
use super::refusals::{decided, query};
use crate::local::Local;
use crate::overview::Range;

/// Returns the permission of a recorded request, such as `logs:FilterLogEvents`.
fn permission(request: &str) -> String {
    let (service, rest) = request.split_once(' ').unwrap();
    let service = if service == "monitoring" {
        "cloudwatch"
    } else {
        service
    };
    let (target, body) = rest.split_once(' ').unwrap();
    let operation = match target.rsplit_once('.') {
        Some((_, operation)) => operation,
        None => body
            .strip_prefix("Action=")
            .unwrap()
            .split('&')
            .next()
            .unwrap(),
    };
    format!("{service}:{operation}")
}

/// Returns the actions of the policy in the documentation, except those of the admin API.
fn documented_actions() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/platform-teams.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("<!-- console policy -->\n```json").unwrap();
    let (policy, _) = rest.split_once("```").unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();

    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions
        .map(|action| action.as_str().unwrap().to_owned())
        .filter(|action| action != "execute-api:Invoke")
        .collect()
}

#[tokio::test]
async fn documented_policy_permits_exactly_the_calls_of_the_console() {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                    <Arn>arn:aws:iam::111122223333:user/alice</Arn></GetCallerIdentityResult>\
                    </GetCallerIdentityResponse>";
    let settings = described_with(
        &[("PublishMetrics", "true")],
        &[
            ("ApiId", "a1b2c3d4e5"),
            ("AccessLogGroup", "/aws/vendedlogs/shop/access-1"),
            ("AuthorizerLogGroupName", "/aws/lambda/shop-authorizer"),
        ],
    );
    let now = Timestamp::now().to_string();
    let lines = [(&*now, decided("r-1", "-", "unknown_key", "-"))];
    let recorded = published()
        .with(
            "monitoring",
            &["Action=GetMetricData", "AWS%2FApiGateway"],
            gateway(),
        )
        .with("logs", &["shop-authorizer"], events(&lines, None))
        .with("logs", &["access"], events(&[], None))
        .with("cloudformation", &["DescribeStacks"], settings)
        .with("sts", &["GetCallerIdentity"], identity.to_owned());
    let recorded = Arc::new(recorded);
    let transport: Arc<dyn Transport> = Arc::clone(&recorded) as _;
    let reader = Reader::new(Aws::over(transport), Some("shop".to_owned()));

    reader.overview(Range::ThreeHours).await;
    assert_eq!(reader.refusals(&query("")).await.items.len(), 4);
    reader.policy().await.unwrap();
    let arn = reader.aws.identity().await.unwrap();
    assert!(arn.ends_with("user/alice"), "{arn}");

    let requests = recorded.requests.lock().unwrap();
    let mut used: BTreeSet<_> = requests.iter().map(|request| permission(request)).collect();
    // Every identity may ask who it is.
    assert!(used.remove("sts:GetCallerIdentity"));
    assert_eq!(used, documented_actions());
}

fn described(policy: &str) -> String {
    described_with(
        &[("AuthPolicy", policy), ("KeyHeader", "api-key")],
        &[("Version", "0.2.0")],
    )
}

fn described_with(parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> String {
    let pairs = |kind: &str, pairs: &[(&str, &str)]| -> String {
        let pair = |(name, value): &(&str, &str)| {
            format!(
                "<member><{kind}Key>{name}</{kind}Key><{kind}Value>{value}</{kind}Value></member>"
            )
        };
        pairs.iter().map(pair).collect()
    };
    let (parameters, outputs) = (pairs("Parameter", parameters), pairs("Output", outputs));
    format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>shop</StackName>\
         <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs></member></Stacks>\
         </DescribeStacksResult></DescribeStacksResponse>"
    )
}

#[tokio::test]
async fn policy_and_settings_are_those_of_the_stack_and_read_once() {
    let recorded = Recorded::default().with(
        "cloudformation",
        &["DescribeStacks"],
        described("table:edge"),
    );
    let recorded = Arc::new(recorded);
    let transport: Arc<dyn Transport> = Arc::clone(&recorded) as _;
    let reader = Reader::new(Aws::over(transport), Some("shop".to_owned()));

    let policy = serde_json::to_value(reader.policy().await.unwrap()).unwrap();
    assert_eq!(policy["name"], "edge");
    assert_eq!(reader.key_header().as_deref(), Some("api-key"));
    reader.policy().await.unwrap();
    assert_eq!(recorded.count("DescribeStacks"), 1);
}

#[tokio::test]
async fn api_without_a_stack_says_what_is_missing() {
    let reader = Reader::new(Aws::over(Arc::new(Recorded::default())), None);
    let overview = serde_json::to_value(reader.overview(Range::QuarterHour).await).unwrap();
    let page = serde_json::to_value(reader.refusals(&query("")).await).unwrap();
    assert_eq!(
        overview["unknown"],
        json!(["traffic", "decisions", "breakers"])
    );
    for document in [overview, page] {
        assert!(reasons(&document).contains("--stack NAME"), "{document}");
    }
}

#[tokio::test]
async fn stack_that_cannot_be_read_is_named_with_the_permission() {
    let recorded = Recorded::default().denied("cloudformation", &["DescribeStacks"]);
    let reader = Reader::new(Aws::over(Arc::new(recorded)), Some("shop".to_owned()));
    let overview = serde_json::to_value(reader.overview(Range::QuarterHour).await).unwrap();
    assert!(
        reasons(&overview).contains("needs cloudformation:DescribeStacks"),
        "{overview}"
    );
    assert!(reader.policy().await.is_err());
}

/// A transport without responses.
struct Silent;

impl Transport for Silent {
    fn send<'a>(
        &'a self,
        _: AwsService,
        _: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn target_is_described_in_time_if_aws_does_not_respond() {
    let reader = Reader::new(Aws::over(Arc::new(Silent)), Some("shop".to_owned()));
    let mut target = Local::new("0.0.0").target();
    let begin = Instant::now();
    reader.describe(&mut target).await;
    assert!(begin.elapsed() <= Duration::from_secs(5));
    assert_eq!(target.region.as_deref(), Some("eu-west-1"));
    let target = serde_json::to_value(target).unwrap();
    assert!(reasons(&target).contains("no response"), "{target}");
}

#[tokio::test]
async fn identity_is_asked_again_after_a_failure() {
    let recorded = Arc::new(Recorded::default().denied("sts", &["GetCallerIdentity"]));
    let transport: Arc<dyn Transport> = Arc::clone(&recorded) as _;
    let aws = Aws::over(transport);
    for calls in 1..=2 {
        assert_eq!(aws.identity().await, None);
        assert_eq!(recorded.count("GetCallerIdentity"), calls);
    }
}
