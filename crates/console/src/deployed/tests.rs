//! Figures and refusals, with recorded responses in the form that AWS documents.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use admin_client::{AwsError, AwsService};
use bytes::Bytes;
use checks::aws::{Account, Transport};
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::aws::Aws;
use super::stack::StackSettings;
use super::{Reader, overview, refusals};
use crate::overview::Range;
use crate::refusals::RefusalQuery;

const NOW: &str = "2026-11-28T12:00:30Z";

/// Recorded responses. The first one whose service and texts a request has is sent.
#[derive(Default)]
struct Recorded {
    answers: Vec<(&'static str, &'static [&'static str], StatusCode, String)>,
    requests: Mutex<Vec<String>>,
}

impl Recorded {
    fn with(mut self, service: &'static str, texts: &'static [&'static str], body: String) -> Self {
        self.answers.push((service, texts, StatusCode::OK, body));
        self
    }

    fn denied(mut self, service: &'static str, texts: &'static [&'static str]) -> Self {
        let body = r#"{"__type":"AccessDeniedException","message":"denied"}"#.to_owned();
        self.answers
            .push((service, texts, StatusCode::FORBIDDEN, body));
        self
    }

    fn account(self) -> (Account, Arc<Self>) {
        let recorded = Arc::new(self);
        let transport: Arc<dyn Transport> = Arc::clone(&recorded) as _;
        (Account::over(transport, "eu-west-1".to_owned()), recorded)
    }

    fn count(&self, text: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.contains(text))
            .count()
    }
}

impl Transport for Recorded {
    fn send<'a>(
        &'a self,
        service: AwsService,
        request: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>> {
        let target = request.headers().get("x-amz-target");
        let target = target.map_or("", |value| value.to_str().unwrap());
        let body = String::from_utf8_lossy(request.body());
        let text = format!("{} {target} {body}", service.name).replace("%2E", ".");
        self.requests.lock().unwrap().push(text.clone());

        let found = self.answers.iter().find(|(name, texts, ..)| {
            *name == service.name && texts.iter().all(|part| text.contains(part))
        });
        let (_, _, status, body) = found.unwrap_or_else(|| panic!("no answer for {text}"));
        let mut response = Response::new(Bytes::from(body.clone()));
        *response.status_mut() = *status;
        Box::pin(std::future::ready(if status.is_success() {
            Ok(response)
        } else {
            Err(AwsError::of_response(service.name, &response))
        }))
    }
}

fn stack(publishes: &str) -> StackSettings {
    StackSettings::of(
        &[("PublishMetrics", publishes)],
        &[
            ("ApiId", "a1b2c3d4e5"),
            ("AccessLogGroup", "/aws/vendedlogs/shop/access-1"),
            ("AuthorizerLogGroupName", "/aws/lambda/shop-authorizer"),
        ],
    )
}

/// Returns the response of `ListMetrics` for metrics with these dimensions.
fn listed(name: &str, metrics: &[&[(&str, &str)]]) -> String {
    let metrics: String = metrics
        .iter()
        .map(|dimensions| {
            let dimensions: String = dimensions
                .iter()
                .map(|(name, value)| {
                    format!("<member><Name>{name}</Name><Value>{value}</Value></member>")
                })
                .collect();
            format!(
                "<member><Dimensions>{dimensions}</Dimensions><MetricName>{name}</MetricName>\
                 <Namespace>Tollgate/shop</Namespace></member>"
            )
        })
        .collect();
    format!(
        "<ListMetricsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <ListMetricsResult><Metrics>{metrics}</Metrics></ListMetricsResult>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ListMetricsResponse>"
    )
}

/// Returns the response of `GetMetricData` with data points by the index of their query.
fn data(results: &[(usize, &[(&str, &str)])]) -> String {
    let results: String = results
        .iter()
        .map(|(index, points)| {
            let element = |text: &str| format!("<member>{text}</member>");
            let times: String = points.iter().map(|(at, _)| element(at)).collect();
            let values: String = points.iter().map(|(_, value)| element(value)).collect();
            format!(
                "<member><Id>m{index}</Id><Label>x</Label><Timestamps>{times}</Timestamps>\
                 <Values>{values}</Values><StatusCode>Complete</StatusCode></member>"
            )
        })
        .collect();
    format!(
        "<GetMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <GetMetricDataResult><MetricDataResults>{results}</MetricDataResults></GetMetricDataResult>\
         <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetMetricDataResponse>"
    )
}

/// Returns the response of `FilterLogEvents` with JSON lines.
fn events(lines: &[(&str, Value)], next: Option<&str>) -> String {
    let events = lines.iter().map(|(at, line)| {
        let at: Timestamp = at.parse().unwrap();
        let at = at.as_millisecond();
        json!({"logStreamName": "s", "timestamp": at, "message": line.to_string(),
               "ingestionTime": at + 5, "eventId": "1"})
    });
    let mut response = json!({"events": events.collect::<Vec<_>>(), "searchedLogStreams": []});
    if let Some(next) = next {
        response["nextToken"] = next.into();
    }
    response.to_string()
}

fn access(request_id: &str, status: &str, route_key: &str) -> Value {
    json!({"request_id": request_id, "status": status, "method": "GET", "source_ip": "192.0.2.7",
           "route_key": route_key, "response_latency_ms": "4"})
}

/// The responses of a stack that publishes metrics.
fn published() -> Recorded {
    const REQUESTS: &[&[(&str, &str)]] = &[
        &[("Route", "ANY /{proxy+}"), ("StatusClass", "2xx")],
        &[("Route", "ANY /{proxy+}"), ("StatusClass", "5xx")],
        &[
            ("Route", "ANY /_tollgate/v1/{proxy+}"),
            ("StatusClass", "2xx"),
        ],
    ];
    const DECISIONS: &[&[(&str, &str)]] = &[
        &[("Plan", "free"), ("Decision", "allowed")],
        &[("Plan", "free"), ("Decision", "throttled")],
    ];
    let breakers: &[&[(&str, &str)]] = &[&[("Service", "dynamodb")]];
    Recorded::default()
        .with(
            "monitoring",
            &["Action=ListMetrics", "MetricName=Requests"],
            listed("Requests", REQUESTS),
        )
        .with(
            "monitoring",
            &["Action=ListMetrics", "MetricName=Decisions"],
            listed("Decisions", DECISIONS),
        )
        .with(
            "monitoring",
            &["Action=ListMetrics", "MetricName=BreakerOpen"],
            listed("BreakerOpen", breakers),
        )
        .with(
            "monitoring",
            &["Action=GetMetricData", "Tollgate%2Fshop"],
            // The queries are in the order of breakers, decisions and requests.
            data(&[
                (0, &[("2026-11-28T11:58:00Z", "1.0")]),
                (
                    1,
                    &[
                        ("2026-11-28T11:58:00Z", "7.0"),
                        ("2026-11-28T11:59:00Z", "2.0"),
                    ],
                ),
                (2, &[("2026-11-28T11:59:00Z", "3.0")]),
                (
                    3,
                    &[
                        ("2026-11-28T11:58:00Z", "8.0"),
                        ("2026-11-28T11:59:00Z", "5.0"),
                    ],
                ),
                (4, &[("2026-11-28T11:59:00Z", "1.0")]),
            ]),
        )
}

fn gateway() -> String {
    data(&[
        (0, &[("2026-11-28T11:58:00Z", "20.0")]),
        (1, &[("2026-11-28T11:58:00Z", "2.0")]),
        (2, &[("2026-11-28T11:58:00Z", "4.5")]),
        (3, &[("2026-11-28T11:58:00Z", "9.5")]),
        (4, &[("2026-11-28T11:58:00Z", "12.0")]),
        (5, &[("2026-11-28T11:46:00Z", "5.0")]),
        (6, &[("2026-11-28T11:46:00Z", "10.0")]),
        (7, &[("2026-11-28T11:46:00Z", "13.0")]),
    ])
}

async fn figures(recorded: Recorded, publishes: &str, range: Range) -> Value {
    let (account, _) = recorded.account();
    let now = NOW.parse().unwrap();
    let found = overview::read(&account, &stack(publishes), range, now).await;
    serde_json::to_value(found).unwrap()
}

fn reasons(document: &Value) -> String {
    document["missing"].to_string()
}

#[tokio::test]
async fn figures_are_those_of_the_publisher_the_gateway_and_the_access_log() {
    let refused = events(
        &[
            (
                "2026-11-28T11:58:10Z",
                access("r-1", "401", "ANY /{proxy+}"),
            ),
            (
                "2026-11-28T11:59:10Z",
                access("r-2", "403", "ANY /{proxy+}"),
            ),
            (
                "2026-11-28T11:59:20Z",
                access("r-3", "403", "ANY /_tollgate/v1/{proxy+}"),
            ),
            (
                "2026-11-28T11:59:30Z",
                access("r-4", "429", "ANY /{proxy+}"),
            ),
        ],
        None,
    );
    let recorded = published()
        .with(
            "monitoring",
            &["Action=GetMetricData", "AWS%2FApiGateway"],
            gateway(),
        )
        .with("logs", &["Logs_20140328.FilterLogEvents"], refused);
    let overview = figures(recorded, "true", Range::QuarterHour).await;

    assert_eq!(
        overview["totals"],
        json!({"requests": 14, "throttled": 3, "unauthorized": 1, "forbidden": 1, "server_errors": 1,
               "p50_ms": 5.0, "p95_ms": 10.0, "p99_ms": 13.0})
    );
    let points = overview["points"].as_array().unwrap();
    assert_eq!((points.len(), &overview["step_s"]), (15, &json!(60)));
    let point = &points[12];
    assert_eq!(point["at"], "2026-11-28T11:58:00Z");
    assert_eq!(
        (&point["requests"], &point["p99_ms"]),
        (&json!(8), &json!(12.0))
    );
    assert_eq!(points[0]["p50_ms"], Value::Null);
    assert_eq!(
        overview["decisions"],
        json!([{"plan": "free", "allowed": 9, "throttled": 3, "unavailable": 0, "degraded": 0}])
    );
    assert_eq!(overview["breakers"][0]["service"], "dynamodb");
    assert_eq!(overview["breakers"][0]["state"], "open");
    assert!(reasons(&overview).contains("not when it closed"));
}

#[tokio::test]
async fn stack_without_metrics_of_its_own_has_those_of_api_gateway() {
    let refused = events(
        &[(
            "2026-11-28T11:59:30Z",
            access("r-4", "429", "ANY /{proxy+}"),
        )],
        None,
    );
    let recorded = Recorded::default()
        .with(
            "monitoring",
            &["Action=GetMetricData", "AWS%2FApiGateway", "Stage"],
            gateway(),
        )
        .with("logs", &["FilterLogEvents"], refused);
    let overview = figures(recorded, "false", Range::QuarterHour).await;

    let totals = &overview["totals"];
    assert_eq!(
        (&totals["requests"], &totals["server_errors"]),
        (&json!(20), &json!(2))
    );
    assert_eq!(totals["throttled"], 1);
    assert_eq!(overview["decisions"], json!([]));
    let reasons = reasons(&overview);
    assert!(
        reasons.contains("PublishMetrics=true") && reasons.contains("also counts"),
        "{reasons}"
    );
}

#[tokio::test]
async fn missing_permissions_are_named_and_the_rest_is_shown() {
    let recorded = Recorded::default()
        .denied("monitoring", &["Action=ListMetrics"])
        .with("monitoring", &["Action=GetMetricData"], gateway())
        .denied("logs", &["FilterLogEvents"]);
    let overview = figures(recorded, "true", Range::QuarterHour).await;

    assert_eq!(overview["totals"]["requests"], 20);
    for field in ["throttled", "unauthorized", "forbidden"] {
        assert_eq!(overview["totals"][field], Value::Null, "{field}");
    }
    let reasons = reasons(&overview);
    for permission in ["needs cloudwatch:ListMetrics", "needs logs:FilterLogEvents"] {
        assert!(reasons.contains(permission), "{reasons}");
    }
}

#[tokio::test]
async fn long_ranges_do_not_search_the_access_log() {
    let recorded = published().with("monitoring", &["Action=GetMetricData"], gateway());
    let (account, recorded) = recorded.account();
    let now = NOW.parse().unwrap();
    let overview = overview::read(&account, &stack("true"), Range::Week, now).await;
    let overview = serde_json::to_value(overview).unwrap();

    assert_eq!(recorded.count("FilterLogEvents"), 0);
    assert_eq!(overview["points"].as_array().unwrap().len(), 168);
    assert_eq!(overview["totals"]["p99_ms"], Value::Null);
    assert_eq!(overview["totals"]["throttled"], 3);
    let reasons = reasons(&overview);
    assert!(
        reasons.contains("at most 3 hours") && reasons.contains("not of 7 days"),
        "{reasons}"
    );
}

fn decided(request_id: &str, decision: &str, reason: &str, key_id: &str) -> Value {
    json!({"timestamp": "2026-11-28T11:59:50Z", "level": "INFO", "message": "decided",
           "request_id": request_id, "decision": decision, "reason": reason, "route": "ANY /{proxy+}",
           "key_id": key_id, "caller": "-", "plan": "free", "detail": "second"})
}

fn query(text: &str) -> RefusalQuery {
    RefusalQuery::read(&format!("/refusals{text}").parse().unwrap()).unwrap()
}

#[tokio::test]
async fn refusals_are_joined_with_the_access_log() {
    let lines = [
        (
            "2026-11-28T11:59:40Z",
            decided("r-1", "-", "unknown_key", "-"),
        ),
        (
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-1"),
        ),
    ];
    let recorded = Recorded::default()
        .with(
            "logs",
            &[
                "/aws/lambda/shop-authorizer",
                r#""startTime":1795867170000"#,
            ],
            events(&lines, None),
        )
        .with("logs", &["/aws/lambda/shop-authorizer"], events(&[], None))
        .with(
            "logs",
            &["/aws/vendedlogs/shop/access-1"],
            events(
                &[(
                    "2026-11-28T11:59:41Z",
                    access("r-1", "401", "ANY /{proxy+}"),
                )],
                None,
            ),
        );
    let (account, _) = recorded.account();
    let page = refusals::read(&account, &stack("true"), &query(""), NOW.parse().unwrap()).await;
    let page = serde_json::to_value(page).unwrap();

    assert_eq!(page["missing"], json!([]));
    assert_eq!(page["newest_event_at"], "2026-11-28T11:59:50Z");
    assert_eq!(page["searched_from"], "2026-11-28T11:00:30Z");
    let items = page["items"].as_array().unwrap();
    let found: Vec<_> = items
        .iter()
        .map(|item| (&item["request_id"], &item["status"]))
        .collect();
    let expected = [(&json!("r-2"), &json!(429)), (&json!("r-1"), &json!(401))];
    assert_eq!(found.len(), 2);
    assert!(expected.iter().all(|one| found.contains(one)), "{page}");
    let unknown = items
        .iter()
        .find(|item| item["request_id"] == "r-1")
        .unwrap();
    assert_eq!(
        (&unknown["method"], &unknown["source_ip"]),
        (&json!("GET"), &json!("192.0.2.7"))
    );
}

#[tokio::test]
async fn status_of_a_throttled_request_is_the_one_of_the_settings() {
    for (setting, status) in [("mark", 429), ("forbid", 403)] {
        let outputs = [("AuthorizerLogGroupName", "/aws/lambda/shop-authorizer")];
        let stack = StackSettings::of(&[("OnThrottle", setting)], &outputs);
        let lines = [(
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-1"),
        )];
        let recorded = Recorded::default().with("logs", &["shop-authorizer"], events(&lines, None));
        let (account, _) = recorded.account();
        let page = refusals::read(&account, &stack, &query(""), NOW.parse().unwrap()).await;
        assert_eq!(page.items[0].status, Some(status), "{setting}");
        let page = serde_json::to_value(page).unwrap();
        assert!(reasons(&page).contains("no access log"), "{page}");
    }
}

#[tokio::test]
async fn search_begins_with_the_newest_span_and_ends_with_enough_refusals() {
    let lines = [
        (
            "2026-11-28T11:59:40Z",
            decided("r-1", "-", "unknown_key", "-"),
        ),
        (
            "2026-11-28T11:59:50Z",
            decided("r-2", "-", "unknown_key", "-"),
        ),
    ];
    let recorded = Recorded::default()
        .with("logs", &["shop-authorizer"], events(&lines, None))
        .with("logs", &["access"], events(&[], None));
    let (account, recorded) = recorded.account();
    let page = refusals::read(
        &account,
        &stack("true"),
        &query("?limit=1"),
        NOW.parse().unwrap(),
    )
    .await;
    assert_eq!((page.items.len(), page.is_truncated), (1, true));
    assert_eq!(recorded.count("shop-authorizer"), 1);
}

#[tokio::test]
async fn filters_are_a_part_of_the_pattern_unless_they_have_special_characters() {
    for (text, pattern) in [
        ("?key_id=k-1", Some(r#"($.key_id = \"k-1\")"#)),
        ("?key_id=k%22)%20||%20(1", None),
    ] {
        let lines = [(
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-2"),
        )];
        let recorded = Recorded::default().with("logs", &["shop-authorizer"], events(&lines, None));
        let (account, recorded) = recorded.account();
        let page =
            refusals::read(&account, &stack("true"), &query(text), NOW.parse().unwrap()).await;
        assert_eq!(page.items, []);
        let filtered = recorded.count(r#"$.key_id = "#);
        assert_eq!(filtered > 0, pattern.is_some(), "{text}");
        if let Some(pattern) = pattern {
            assert!(recorded.count(pattern) > 0, "{text}");
        }
    }
}

#[tokio::test]
async fn search_in_a_large_log_is_bounded_and_says_so() {
    let page = events(&[], Some("more"));
    let recorded = Recorded::default().with("logs", &["shop-authorizer"], page);
    let (account, _) = recorded.account();
    let page = refusals::read(&account, &stack("true"), &query(""), NOW.parse().unwrap()).await;
    assert!(page.is_truncated);
    let page = serde_json::to_value(page).unwrap();
    assert!(
        reasons(&page).contains("more lines than are read"),
        "{page}"
    );
}

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
