//! Gauges that a function logs in CloudWatch's embedded metric format, such as those of the last run
//! of alb-sync.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The most dimension sets that are kept. alb-sync has one per target group.
const MAX_DIMENSION_SETS: usize = 1_000;

/// Dimension names and their values.
pub(super) type Dimensions = Vec<(String, String)>;

/// The last value of each gauge.
#[derive(Debug, Default)]
pub(super) struct Gauges(BTreeMap<Dimensions, BTreeMap<String, f64>>);

/// The fields of CloudWatch's "Specification: Embedded metric format" that gauges need.
#[derive(Deserialize)]
struct EmbeddedLine {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

#[derive(Deserialize)]
struct Directive {
    #[serde(rename = "Dimensions")]
    dimension_sets: Vec<Vec<String>>,
    #[serde(rename = "Metrics")]
    metrics: Vec<Declaration>,
}

#[derive(Deserialize)]
struct Declaration {
    #[serde(rename = "Name")]
    name: String,
}

impl Gauges {
    /// Stores the gauges of a line. Returns false for a line of another format.
    pub(super) fn take(&mut self, line: &str) -> bool {
        // Most lines are call records. This check avoids parsing them twice.
        if !line.contains("\"_aws\"") {
            return false;
        }
        let Ok(line) = serde_json::from_str::<EmbeddedLine>(line) else {
            return false;
        };

        for directive in &line.metadata.directives {
            self.replace(directive, &line.fields);
        }
        true
    }

    /// Replaces the gauges of one dimension set by those of the directive.
    fn replace(&mut self, directive: &Directive, fields: &Map<String, Value>) {
        // The shorter dimension sets are roll-ups of the longest one.
        let set = directive.dimension_sets.iter().max_by_key(|set| set.len());
        let text = |name: &String| Some((name.clone(), fields.get(name)?.as_str()?.to_owned()));
        let dimensions: Dimensions = set.into_iter().flatten().filter_map(text).collect();

        if self.0.len() < MAX_DIMENSION_SETS || self.0.contains_key(&dimensions) {
            let value = |metric: &Declaration| {
                Some((metric.name.clone(), fields.get(&metric.name)?.as_f64()?))
            };
            self.0.insert(
                dimensions,
                directive.metrics.iter().filter_map(value).collect(),
            );
        }
    }

    /// Returns the gauges by name, each with its dimensions and values.
    pub(super) fn by_name(&self) -> BTreeMap<&str, Vec<(&Dimensions, f64)>> {
        let mut gauges: BTreeMap<_, Vec<_>> = BTreeMap::new();

        for (dimensions, values) in &self.0 {
            for (name, value) in values {
                gauges
                    .entry(name.as_str())
                    .or_default()
                    .push((dimensions, *value));
            }
        }
        gauges
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
            json!({"Namespace": "N", "Dimensions": [[], ["TargetGroup"]], "Metrics": declared});
        let mut line = json!({"_aws": {"Timestamp": 7, "CloudWatchMetrics": [directive]}, "TargetGroup": group});
        gauges
            .iter()
            .for_each(|(name, value)| line[name] = json!(value));
        line.to_string()
    }

    fn shown(gauges: &Gauges) -> Vec<String> {
        let all = gauges.by_name().into_iter();
        all.flat_map(|(name, values)| {
            values
                .into_iter()
                .map(move |(of, value)| format!("{name} {} {value}", of[0].1))
        })
        .collect()
    }

    #[test]
    fn gauge_has_its_last_value_until_a_run_omits_it() {
        let mut gauges = Gauges::default();
        assert!(gauges.take(&line("a", &[("Registered", 1), ("Succeeded", 1)])));
        assert!(gauges.take(&line("b", &[("Registered", 5), ("Succeeded", 1)])));
        assert_eq!(
            shown(&gauges),
            [
                "Registered a 1",
                "Registered b 5",
                "Succeeded a 1",
                "Succeeded b 1"
            ]
        );

        gauges.take(&line("a", &[("Succeeded", 0)]));
        assert_eq!(
            shown(&gauges),
            ["Registered b 5", "Succeeded a 0", "Succeeded b 1"]
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
            r#"{"_aws":{"CloudWatchMetrics":[{}]}}"#,
        ] {
            assert!(!gauges.take(line), "{line}");
        }
        assert!(shown(&gauges).is_empty());
    }

    #[test]
    fn number_of_gauges_is_limited() {
        let mut gauges = Gauges::default();
        for group in 0..2 * MAX_DIMENSION_SETS {
            gauges.take(&line(&format!("{group:05}"), &[("Succeeded", 1)]));
        }
        gauges.take(&line("00000", &[("Succeeded", 0)]));
        assert_eq!(
            (shown(&gauges).len(), &*shown(&gauges)[0]),
            (MAX_DIMENSION_SETS, "Succeeded 00000 0")
        );
    }
}
