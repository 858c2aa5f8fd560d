//! Gauges as log lines, which CloudWatch Logs turns into metrics (Embedded metric format
//! specification).

use serde_json::{Map, Value, json};

use crate::answer::Outcome;

/// One line of a group. Each gauge comes with the group as its dimension, and without, for alarms
/// over all of them.
pub(crate) fn line(outcome: &Outcome, namespace: &str, now_ms: i64) -> Value {
    let succeeded = usize::from(outcome.error.is_none());
    let known = outcome.seen.size;
    let gauges = [
        ("ResolvedAddresses", Some(outcome.resolved.len())),
        ("RegisteredTargets", known),
        ("PendingTargets", known.map(|_| outcome.pending.len())),
        ("SyncSucceeded", Some(succeeded)),
    ];
    let gauges: Vec<_> = gauges
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
        group(&outcome.target_group_arn).into(),
    );
    line.extend(
        gauges
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into())),
    );
    Value::Object(line)
}

/// As CloudWatch names it in Elastic Load Balancing's own metrics: `targetgroup/name/id`.
pub(crate) fn group(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_what_it_holds_and_nothing_that_is_not_known() {
        let mut outcome = Outcome {
            target_group_arn: "arn:aws:x:y:z:targetgroup/a/1".to_owned(),
            ..Outcome::default()
        };
        outcome.seen.size = Some(3);
        let told = line(&outcome, "N", 7);
        assert_eq!(told["_aws"]["Timestamp"], 7);
        assert_eq!(
            told["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            json!([["TargetGroup"], []])
        );
        assert_eq!(told["TargetGroup"], "targetgroup/a/1");
        assert_eq!(
            (&told["RegisteredTargets"], &told["SyncSucceeded"]),
            (&json!(3), &json!(1))
        );
        outcome.seen.size = None;
        outcome.problem("x");
        let told = line(&outcome, "N", 7);
        assert!(told.get("RegisteredTargets").is_none() && told.get("PendingTargets").is_none());
        let declared = told["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(
            declared
                .iter()
                .all(|metric| told[metric["Name"].as_str().unwrap()].is_u64())
        );
        assert_eq!((declared.len(), &told["SyncSucceeded"]), (2, &json!(0)));
    }
}
