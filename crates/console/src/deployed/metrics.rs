//! Reads metrics of CloudWatch: sums and percentiles per step.

use std::collections::BTreeMap;

use checks::aws::{Account, Call, Service, Unread, array, text};
use jiff::Timestamp;
use serde_json::Value;

use super::window::Window;

/// The most metrics that one call of `GetMetricData` accepts.
const MAX_QUERIES: usize = 500;
/// The name of an item of a list in forms of AWS.
const ITEM: &str = "member";

/// A metric with its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: &'static str,
    pub(crate) dimensions: BTreeMap<String, String>,
}

/// A statistic of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statistic {
    pub(crate) metric: Metric,
    /// The name of the statistic, such as `Sum` or `p95`.
    pub(crate) name: &'static str,
    /// The duration of a data point in seconds.
    pub(crate) period_s: u32,
}

impl Metric {
    /// Returns a dimension. A missing one is empty.
    pub(crate) fn dimension(&self, name: &str) -> &str {
        self.dimensions.get(name).map_or("", String::as_str)
    }

    /// Returns the sums of periods.
    pub(crate) const fn sum(self, period_s: u32) -> Statistic {
        Statistic {
            metric: self,
            name: "Sum",
            period_s,
        }
    }
}

/// Returns all metrics of a name in a namespace that have data of the last two weeks.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn list(
    account: &Account,
    namespace: &str,
    name: &'static str,
) -> Result<Vec<Metric>, Unread> {
    let fields = [("Namespace", namespace), ("MetricName", name)];
    let call = Call::query(Service::CloudWatch, "ListMetrics", &fields);
    let found = account
        .read_all(&call, "/ListMetricsResult/Metrics")
        .await?;

    let metric = |found: &Value| Metric {
        namespace: namespace.to_owned(),
        name,
        dimensions: array(&found["Dimensions"])
            .iter()
            .map(|one| {
                (
                    text(&one["Name"]).to_owned(),
                    text(&one["Value"]).to_owned(),
                )
            })
            .collect(),
    };
    Ok(found.iter().map(metric).collect())
}

/// Returns the data points of statistics, in the order of `statistics`.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn read(
    account: &Account,
    window: &Window,
    statistics: &[Statistic],
) -> Result<Vec<BTreeMap<Timestamp, f64>>, Unread> {
    let mut all = Vec::with_capacity(statistics.len());
    for batch in statistics.chunks(MAX_QUERIES) {
        let call = data_call(window, batch);
        let results = account
            .read_all(&call, "/GetMetricDataResult/MetricDataResults")
            .await?;

        let mut points = vec![BTreeMap::new(); batch.len()];
        for result in &results {
            let index = text(&result["Id"]).strip_prefix('m');
            let index = index.and_then(|index| index.parse::<usize>().ok());
            if let Some(points) = index.and_then(|index| points.get_mut(index)) {
                points.extend(data_points(result));
            }
        }
        all.extend(points);
    }
    Ok(all)
}

fn data_points(result: &Value) -> impl Iterator<Item = (Timestamp, f64)> {
    let values = array(&result["Values"]).iter();
    array(&result["Timestamps"])
        .iter()
        .zip(values)
        .filter_map(|(at, value)| Some((text(at).parse().ok()?, text(value).parse().ok()?)))
}

fn data_call(window: &Window, statistics: &[Statistic]) -> Call {
    let mut fields = vec![
        ("StartTime".to_owned(), window.from.to_string()),
        ("EndTime".to_owned(), window.to.to_string()),
        ("ScanBy".to_owned(), "TimestampAscending".to_owned()),
    ];
    for (index, statistic) in statistics.iter().enumerate() {
        let query = format!("MetricDataQueries.{ITEM}.{}", index + 1);
        let metric = format!("{query}.MetricStat.Metric");
        let Statistic {
            metric: of,
            name,
            period_s,
        } = statistic;
        fields.extend([
            (format!("{query}.Id"), format!("m{index}")),
            (format!("{query}.MetricStat.Stat"), (*name).to_owned()),
            (format!("{query}.MetricStat.Period"), period_s.to_string()),
            (format!("{metric}.Namespace"), of.namespace.clone()),
            (format!("{metric}.MetricName"), of.name.to_owned()),
        ]);
        for (index, (name, value)) in of.dimensions.iter().enumerate() {
            let dimension = format!("{metric}.Dimensions.{ITEM}.{}", index + 1);
            fields.push((format!("{dimension}.Name"), name.clone()));
            fields.push((format!("{dimension}.Value"), value.clone()));
        }
    }

    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    Call::query(Service::CloudWatch, "GetMetricData", &fields)
}
