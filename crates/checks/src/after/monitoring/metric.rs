//! Reads metrics of CloudWatch.

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::Value;

use crate::aws::{Call, Service, Unread, array, text};
use crate::stack::Stack;

/// The most data points that one call can return.
const MAX_POINTS: i64 = 1440;
/// The shortest resolution of metrics, in seconds.
const MINUTE: i64 = 60;

/// A metric of CloudWatch.
pub(super) struct Metric<'m> {
    /// The namespace, such as `AWS/Events`.
    pub(super) namespace: &'m str,
    /// The dimensions, with their values.
    pub(super) dimensions: &'m [(&'m str, &'m str)],
    /// The name, such as `Invocations`.
    pub(super) name: &'m str,
}

/// The value of a metric in one period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The begin of the period.
    pub(super) at: Timestamp,
    /// The value.
    pub(super) value: f64,
}

/// A statistic of CloudWatch.
#[derive(Clone, Copy)]
pub(super) enum Statistic {
    Maximum,
    Minimum,
    Sum,
}

impl Statistic {
    const fn name(self) -> &'static str {
        match self {
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
            Self::Sum => "Sum",
        }
    }
}

impl Metric<'_> {
    /// Returns the data of the time before the check, oldest first. Periods are a minute, or longer
    /// for more than a day.
    pub(super) async fn points(
        &self,
        stack: &Stack,
        statistic: Statistic,
        window: SignedDuration,
    ) -> Result<Vec<Point>, Unread> {
        let end = in_seconds(stack.now());
        let start = in_seconds(end - window);
        self.points_between(stack, statistic, (start, end)).await
    }

    /// Returns the data between two instants.
    pub(super) async fn points_between(
        &self,
        stack: &Stack,
        statistic: Statistic,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<Point>, Unread> {
        let period = resolution(end.duration_since(start)).to_string();
        let (start, end) = (start.to_string(), end.to_string());
        let dimensions: Vec<(String, &str)> = (1..)
            .zip(self.dimensions)
            .flat_map(|(number, (name, value))| {
                let field = |part: &str| format!("Dimensions.member.{number}.{part}");
                [(field("Name"), *name), (field("Value"), *value)]
            })
            .collect();

        let mut fields = vec![("Namespace", self.namespace)];
        fields.extend(
            dimensions
                .iter()
                .map(|(name, value)| (name.as_str(), *value)),
        );
        fields.extend([
            ("MetricName", self.name),
            ("StartTime", &start),
            ("EndTime", &end),
            ("Period", &period),
        ]);
        let call = Call::query(Service::CloudWatch, "GetMetricStatistics", &fields)
            .with_list("Statistics", [statistic.name()]);
        let response = stack.account().read(&call).await?;

        let points = array(&response["GetMetricStatisticsResult"]["Datapoints"]);
        let mut points: Vec<Point> = points
            .iter()
            .filter_map(|datum| point(datum, statistic))
            .collect();
        points.sort_by_key(|point| point.at);
        Ok(points)
    }
}

/// A series that a search found.
pub(super) struct Series {
    /// The label, which has the values of the dimensions.
    pub(super) label: String,
    /// The data, oldest first.
    pub(super) points: Vec<Point>,
}

/// Returns the series of a search expression between two instants.
pub(super) async fn search(
    stack: &Stack,
    expression: &str,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<Series>, Unread> {
    let (start, end) = (start.to_string(), end.to_string());
    let fields = [
        ("MetricDataQueries.member.1.Id", "found"),
        ("MetricDataQueries.member.1.Expression", expression),
        ("StartTime", &start),
        ("EndTime", &end),
        ("ScanBy", "TimestampAscending"),
    ];
    let call = Call::query(Service::CloudWatch, "GetMetricData", &fields);
    let list = "/GetMetricDataResult/MetricDataResults";
    let results = stack.account().read_all(&call, list).await?;
    Ok(results.iter().map(series).collect())
}

fn series(result: &Value) -> Series {
    let times = array(&result["Timestamps"]).iter();
    let points = times
        .zip(array(&result["Values"]))
        .filter_map(|(at, value)| {
            Some(Point {
                at: text(at).parse().ok()?,
                value: text(value).parse().ok()?,
            })
        });
    Series {
        label: text(&result["Label"]).to_owned(),
        points: points.collect(),
    }
}

/// Returns the namespace of the metrics that the functions of the stack publish.
pub(super) fn namespace(stack: &Stack) -> String {
    match stack.parameter("MetricsNamespace") {
        namespace if namespace.is_empty() => format!("Tollgate/{}", stack.name()),
        namespace => namespace,
    }
}

/// Returns the sum of all values.
pub(super) fn sum(points: &[Point]) -> f64 {
    points.iter().map(|point| point.value).sum()
}

/// Returns an instant without fractions of a second.
pub(super) fn in_seconds(instant: Timestamp) -> Timestamp {
    instant.round(Unit::Second).unwrap_or(instant)
}

/// Returns the length of a period in seconds, so that a window has at most [`MAX_POINTS`]. Old data
/// have at least five minutes.
fn resolution(window: SignedDuration) -> i64 {
    let shortest = window.as_secs() / MAX_POINTS + 1;
    [MINUTE, 5 * MINUTE, 60 * MINUTE]
        .into_iter()
        .find(|period| *period >= shortest)
        .unwrap_or(24 * 60 * MINUTE)
}

fn point(datum: &Value, statistic: Statistic) -> Option<Point> {
    Some(Point {
        at: text(&datum["Timestamp"]).parse().ok()?,
        value: text(&datum[statistic.name()]).parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolution_keeps_the_number_of_points_small() {
        for (hours, expected) in [
            (1, 60),
            (23, 60),
            (25, 300),
            (6 * 24, 3600),
            (99 * 24, 86400),
        ] {
            let window = SignedDuration::from_hours(hours);
            assert_eq!(resolution(window), expected, "{hours}");
            assert!(window.as_secs() / resolution(window) <= MAX_POINTS);
        }
    }
}
