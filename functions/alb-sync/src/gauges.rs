//! Gauges as log lines in CloudWatch's embedded metric format (EMF).

use serde_json::{Map, Value, json};

use crate::outcome::Outcome;

/// Returns the line of one group. Each gauge is published with the group as its dimension, and
/// without, for alarms over all groups. Unknown gauges are omitted.
pub(crate) fn gauge_line(outcome: &Outcome, namespace: &str, now_ms: i64) -> Value {
    let succeeded = usize::from(outcome.error.is_none());
    let known_size = outcome.metrics.size;
    let gauges: Vec<_> = [
        ("ResolvedAddresses", Some(outcome.resolved.len())),
        ("RegisteredTargets", known_size),
        ("PendingTargets", known_size.map(|_| outcome.pending.len())),
        ("SyncSucceeded", Some(succeeded)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();

    let metrics: Vec<_> = gauges
        .iter()
        .map(|(name, _)| json!({"Name": name, "Unit": "Count"}))
        .collect();
    let directive =
        json!({"Namespace": namespace, "Dimensions": [["TargetGroup"], []], "Metrics": metrics});

    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": now_ms, "CloudWatchMetrics": [directive]}),
    );
    line.insert(
        "TargetGroup".to_owned(),
        group_dimension(&outcome.target_group_arn).into(),
    );
    line.extend(
        gauges
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into())),
    );
    Value::Object(line)
}

/// Returns a group's value in the metrics of Elastic Load Balancing: `targetgroup/name/id`.
pub(crate) fn group_dimension(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_exactly_its_known_gauges() {
        let mut outcome = Outcome {
            target_group_arn: "arn:aws:x:y:z:targetgroup/a/1".to_owned(),
            ..Outcome::default()
        };
        outcome.metrics.size = Some(3);
        let line = gauge_line(&outcome, "N", 7);
        assert_eq!(line["_aws"]["Timestamp"], 7);
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["TargetGroup"], []])
        );
        assert_eq!(line["TargetGroup"], "targetgroup/a/1");
        assert_eq!(
            (&line["RegisteredTargets"], &line["SyncSucceeded"]),
            (&json!(3), &json!(1))
        );
        outcome.metrics.size = None;
        outcome.add_problem("x");
        let line = gauge_line(&outcome, "N", 7);
        assert!(line.get("RegisteredTargets").is_none() && line.get("PendingTargets").is_none());
        let declared = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(
            declared
                .iter()
                .all(|metric| line[metric["Name"].as_str().unwrap()].is_u64())
        );
        assert_eq!((declared.len(), &line["SyncSucceeded"]), (2, &json!(0)));
    }
}
