//! The figures that API Gateway itself sends to CloudWatch.

use std::collections::BTreeMap;

use checks::aws::{Account, Unread};
use jiff::Timestamp;

use super::counts::StepCounts;
use super::metrics::{self, Metric, Statistic};
use super::window::Window;

const NAMESPACE: &str = "AWS/ApiGateway";
/// The longest period of a statistic, in seconds.
const MAX_PERIOD_S: u32 = 86_400;
/// The percentiles, by their names in CloudWatch.
const PERCENTILES: [&str; 3] = ["p50", "p95", "p99"];

/// The 50th, 95th and 99th percentile in milliseconds.
pub(crate) type Percentiles = [Option<f64>; 3];

/// The figures of a stage of an API.
#[derive(Debug)]
pub(crate) struct GatewayFigures {
    pub(crate) requests: StepCounts,
    pub(crate) server_errors: StepCounts,
    /// The latency of each step.
    pub(crate) latency: Vec<Percentiles>,
    /// The latency of the whole window. `None` if the window is too long.
    pub(crate) total_latency: Option<Percentiles>,
}

/// Reads the figures of a window.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn read(
    account: &Account,
    (api, stage): (&str, &str),
    window: &Window,
) -> Result<GatewayFigures, Unread> {
    let metric = |name| Metric {
        namespace: NAMESPACE.to_owned(),
        name,
        dimensions: BTreeMap::from([
            ("ApiId".to_owned(), api.to_owned()),
            ("Stage".to_owned(), stage.to_owned()),
        ]),
    };
    let latency = |period_s: u32| {
        PERCENTILES.map(|name| Statistic {
            metric: metric("Latency"),
            name,
            period_s,
        })
    };
    let mut statistics = vec![
        metric("Count").sum(window.step_s),
        metric("5xx").sum(window.step_s),
    ];
    statistics.extend(latency(window.step_s));
    let has_total = window.length_s() <= MAX_PERIOD_S;
    if has_total {
        statistics.extend(latency(window.length_s()));
    }

    let data = metrics::read(account, window, &statistics).await?;
    let of = |index: usize| data.get(index).cloned().unwrap_or_default();
    let counts = |index| {
        let mut counts = StepCounts::none(window);
        counts.add_points(window, &of(index));
        counts
    };
    Ok(GatewayFigures {
        requests: counts(0),
        server_errors: counts(1),
        latency: steps(window, [of(2), of(3), of(4)]),
        total_latency: has_total.then(|| [of(5), of(6), of(7)].map(|points| single(&points))),
    })
}

/// Returns the percentiles of each step.
fn steps(window: &Window, series: [BTreeMap<Timestamp, f64>; 3]) -> Vec<Percentiles> {
    let mut steps = vec![Percentiles::default(); window.len()];
    for (index, points) in series.iter().enumerate() {
        for (at, value) in points {
            if let Some(step) = window.step(*at) {
                steps[step][index] = Some(*value);
            }
        }
    }
    steps
}

/// Returns the only data point. Two points would be of parts of the window.
fn single(points: &BTreeMap<Timestamp, f64>) -> Option<f64> {
    let mut values = points.values();
    let first = values.next().copied();
    first.filter(|_| values.next().is_none())
}
