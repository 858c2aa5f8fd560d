//! Figures.

use serde_json::{Value, json};

use super::super::overview;
use super::recorded::{NOW, Recorded, access, data, events, listed, reasons, stack};
use crate::overview::Range;

/// The responses of a stack that publishes metrics.
pub(super) fn published() -> Recorded {
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

/// The response of CloudWatch about API Gateway.
pub(super) fn gateway() -> String {
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
    assert_eq!(overview.get("unknown"), None);
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
    assert_eq!(overview["unknown"], json!(["decisions", "breakers"]));
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
