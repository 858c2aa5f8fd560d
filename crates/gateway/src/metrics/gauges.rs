//! Gauges that a function logs in CloudWatch's embedded metric format: those of the last run of
//! alb-sync.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::definition::{
    Definition, PENDING_TARGETS, REGISTERED_TARGETS, RESOLVED_ADDRESSES, SYNC_SUCCEEDED,
};
use super::series::LabelValues;
use super::snapshot::{self, FamilySnapshot};

/// The most target groups that are kept.
const MAX_GROUPS: usize = 1_000;
/// The gauges by their name in CloudWatch.
const GAUGES: [(&str, &Definition); 4] = [
    ("ResolvedAddresses", &RESOLVED_ADDRESSES),
    ("RegisteredTargets", &REGISTERED_TARGETS),
    ("PendingTargets", &PENDING_TARGETS),
    ("SyncSucceeded", &SYNC_SUCCEEDED),
];

/// The gauges of each target group.
#[derive(Debug, Default)]
pub(super) struct Gauges(Vec<GroupGauges>);

/// The gauges of one target group.
#[derive(Debug)]
pub(super) struct GroupGauges {
    label: LabelValues,
    values: [Option<f64>; GAUGES.len()],
}

/// A line of the format. Its other fields are the gauges.
#[derive(Deserialize)]
struct EmbeddedLine {
    #[serde(rename = "_aws")]
    _metadata: Metadata,
    #[serde(rename = "TargetGroup")]
    target_group: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "CloudWatchMetrics")]
    _directives: Vec<Value>,
}

impl GroupGauges {
    /// Reads a line. Returns `None` for another format.
    pub(super) fn read(line: &str) -> Option<Self> {
        // Most lines are call records. This check avoids parsing them twice.
        if !line.contains("\"_aws\"") {
            return None;
        }

        let line: EmbeddedLine = serde_json::from_str(line).ok()?;
        let value = |(name, _)| line.fields.get(name).and_then(Value::as_f64);
        Some(Self {
            label: LabelValues::from([&*line.target_group]),
            values: GAUGES.map(value),
        })
    }
}

impl Gauges {
    /// Replaces the gauges of a group by those of its last run.
    pub(super) fn replace(&mut self, gauges: GroupGauges) {
        let known = self.0.iter().position(|group| group.label == gauges.label);

        match known {
            Some(index) => self.0[index] = gauges,
            None if self.0.len() < MAX_GROUPS => self.0.push(gauges),
            None => {}
        }
    }

    /// Returns a copy of the families.
    pub(super) fn copy(&self) -> impl Iterator<Item = FamilySnapshot> {
        let definitions = GAUGES.iter().enumerate();
        definitions.map(|(index, (_, definition))| FamilySnapshot {
            definition,
            series: self
                .0
                .iter()
                .filter_map(|group| {
                    let value = snapshot::Value::Number(group.values[index]?);
                    Some((group.label.clone(), value))
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(group: &str, gauges: &[(&str, u32)]) -> String {
        let declared: Vec<_> = gauges
            .iter()
            .map(|(name, _)| json!({"Name": name, "Unit": "Count"}))
            .collect();
        let directive =
            json!({"Namespace": "N", "Dimensions": [["TargetGroup"], []], "Metrics": declared});
        let mut line = json!({"_aws": {"Timestamp": 7, "CloudWatchMetrics": [directive]}, "TargetGroup": group});
        gauges
            .iter()
            .for_each(|(name, value)| line[name] = json!(value));
        line.to_string()
    }

    fn take(gauges: &mut Gauges, line: &str) -> bool {
        let read = GroupGauges::read(line);
        let is_read = read.is_some();
        read.into_iter().for_each(|group| gauges.replace(group));
        is_read
    }

    fn shown(gauges: &Gauges) -> Vec<String> {
        let mut shown = Vec::new();
        for family in gauges.copy() {
            for (labels, value) in &family.series {
                let label = labels.iter().next().unwrap();
                shown.push(format!("{} {label} {value:?}", family.definition.name));
            }
        }
        shown
    }

    #[test]
    fn gauge_has_its_last_value_until_a_run_omits_it() {
        let mut gauges = Gauges::default();
        assert!(take(
            &mut gauges,
            &line("a", &[("RegisteredTargets", 1), ("SyncSucceeded", 1)])
        ));
        assert!(take(
            &mut gauges,
            &line("b", &[("RegisteredTargets", 5), ("SyncSucceeded", 1)])
        ));
        assert_eq!(
            shown(&gauges),
            [
                "tollgate_registered_targets a Number(1.0)",
                "tollgate_registered_targets b Number(5.0)",
                "tollgate_sync_succeeded a Number(1.0)",
                "tollgate_sync_succeeded b Number(1.0)"
            ]
        );

        take(&mut gauges, &line("a", &[("SyncSucceeded", 0)]));
        assert_eq!(
            shown(&gauges),
            [
                "tollgate_registered_targets b Number(5.0)",
                "tollgate_sync_succeeded a Number(0.0)",
                "tollgate_sync_succeeded b Number(1.0)"
            ]
        );
    }

    #[test]
    fn lines_of_other_formats_are_ignored() {
        let mut gauges = Gauges::default();
        for line in [
            "",
            "no JSON",
            r#"{"api_call":{}}"#,
            r#"{"_aws":7}"#,
            r#"{"_aws":{"CloudWatchMetrics":7},"TargetGroup":"a"}"#,
        ] {
            assert!(!take(&mut gauges, line), "{line}");
        }
        assert_eq!(shown(&gauges), [""; 0]);
    }

    #[test]
    fn number_of_groups_is_bounded() {
        let mut gauges = Gauges::default();
        for group in 0..1_500 {
            take(
                &mut gauges,
                &line(&group.to_string(), &[("SyncSucceeded", 1)]),
            );
        }
        assert_eq!(gauges.0.len(), MAX_GROUPS);
    }
}
