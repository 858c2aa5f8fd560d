//! Metrics of CloudWatch.

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::{Call, Service, Unread, array, text};
use crate::stack::Stack;

/// The period of a value, in seconds.
const PERIOD_S: &str = "60";

/// A metric and its statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metric<'m> {
    pub(super) namespace: &'m str,
    pub(super) name: &'m str,
    pub(super) dimensions: Vec<(&'m str, &'m str)>,
    /// The statistic, such as `Sum`.
    pub(super) statistic: &'m str,
}

/// Reads the values of metrics, one per minute in which there was data. The result has one list per
/// metric, in their order.
///
/// # Errors
/// [`Unread`] if the call fails, or if CloudWatch returns only a part of the values.
pub(super) async fn values(
    stack: &Stack,
    metrics: &[Metric<'_>],
    since: Timestamp,
) -> Result<Vec<Vec<f64>>, Unread> {
    let fields = fields(metrics, since, stack.now());
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let call = Call::query(Service::CloudWatch, "GetMetricData", &fields);
    let list = "/GetMetricDataResult/MetricDataResults";
    let results = stack.account().read_all(&call, list).await?;

    let mut found = vec![Vec::new(); metrics.len()];
    for result in &results {
        let status = text(&result["StatusCode"]);
        if matches!(status, "InternalError" | "Forbidden") {
            let permission = call.permission();
            return Err(Unread::Failed(format!("{permission}: status {status}")));
        }
        let index = text(&result["Id"]).strip_prefix('m');
        let index = index.and_then(|index| index.parse::<usize>().ok());
        if let Some(values) = index.and_then(|index| found.get_mut(index)) {
            values.extend(array(&result["Values"]).iter().filter_map(number));
        }
    }
    Ok(found)
}

/// Returns the total of values. `sum` of no values would be -0.
pub(super) fn total(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |total, value| total + value)
}

fn number(value: &Value) -> Option<f64> {
    text(value).parse().ok()
}

/// Returns the fields of the request. The IDs are `m` and the place of the metric.
fn fields(metrics: &[Metric<'_>], since: Timestamp, until: Timestamp) -> Vec<(String, String)> {
    let mut fields = vec![
        ("StartTime".to_owned(), seconds(since)),
        ("EndTime".to_owned(), seconds(until)),
    ];
    for (index, metric) in metrics.iter().enumerate() {
        let query = format!("MetricDataQueries.member.{}", index + 1);
        let mut add = |name: &str, value: &str| {
            fields.push((format!("{query}.{name}"), value.to_owned()));
        };
        add("Id", &format!("m{index}"));
        add("MetricStat.Stat", metric.statistic);
        add("MetricStat.Period", PERIOD_S);
        add("MetricStat.Metric.Namespace", metric.namespace);
        add("MetricStat.Metric.MetricName", metric.name);
        for (place, (name, value)) in metric.dimensions.iter().enumerate() {
            let dimension = format!("MetricStat.Metric.Dimensions.member.{}", place + 1);
            add(&format!("{dimension}.Name"), name);
            add(&format!("{dimension}.Value"), value);
        }
    }
    fields
}

/// Returns an instant in whole seconds, such as `2026-11-28T12:00:00Z`.
fn seconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_of_no_values_is_zero() {
        assert_eq!(format!("{:.0}", total(&[])), "0");
        assert_eq!(format!("{:.0}", total(&[1.0, 2.0])), "3");
    }

    #[test]
    fn requests_are_as_documented() {
        let metric = Metric {
            namespace: "AWS/Lambda",
            name: "Throttles",
            dimensions: vec![("FunctionName", "f")],
            statistic: "Sum",
        };
        let instant = |text: &str| text.parse().unwrap();
        let since = instant("2026-11-28T11:00:00.5Z");
        let fields = fields(&[metric], since, instant("2026-11-28T12:00:00Z"));
        let short = |name: &str| name.replace("MetricDataQueries.member.1.", "1: ");
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={value}", short(name)))
            .collect();
        assert_eq!(
            fields,
            [
                "StartTime=2026-11-28T11:00:00Z",
                "EndTime=2026-11-28T12:00:00Z",
                "1: Id=m0",
                "1: MetricStat.Stat=Sum",
                "1: MetricStat.Period=60",
                "1: MetricStat.Metric.Namespace=AWS/Lambda",
                "1: MetricStat.Metric.MetricName=Throttles",
                "1: MetricStat.Metric.Dimensions.member.1.Name=FunctionName",
                "1: MetricStat.Metric.Dimensions.member.1.Value=f",
            ]
        );
    }
}
