//! Gauges that a function logs in CloudWatch's embedded metric format, such as those of alb-sync's
//! last run.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The most sets of dimensions that are kept. alb-sync has one for each target group.
const MAX_SETS: usize = 1_000;

/// Names of dimensions with their values.
pub(super) type Dimensions = Vec<(String, String)>;

/// The last value of each gauge.
#[derive(Debug, Default)]
pub(super) struct Gauges(BTreeMap<Dimensions, BTreeMap<String, f64>>);

/// "Specification: Embedded metric format", as far as gauges need it.
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
    /// Takes the gauges of a line. Returns false for a line of another format.
    pub(super) fn take(&mut self, line: &str) -> bool {
        // Nearly every line is a call record, which need not be parsed twice.
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

    /// Sets the gauges of one directive. Those that it had before and has no more are not known any
    /// more.
    fn replace(&mut self, directive: &Directive, fields: &Map<String, Value>) {
        // The other sets are roll-ups of the longest one.
        let set = directive.dimension_sets.iter().max_by_key(|set| set.len());
        let text = |name: &String| Some((name.clone(), fields.get(name)?.as_str()?.to_owned()));
        let dimensions: Dimensions = set.into_iter().flatten().filter_map(text).collect();

        if self.0.len() < MAX_SETS || self.0.contains_key(&dimensions) {
            let value = |metric: &Declaration| {
                Some((metric.name.clone(), fields.get(&metric.name)?.as_f64()?))
            };
            self.0.insert(
                dimensions,
                directive.metrics.iter().filter_map(value).collect(),
            );
        }
    }

    /// The gauges by name, each with its values by dimensions.
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
    fn a_gauge_has_its_last_value_and_none_once_it_is_not_logged() {
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
    fn lines_of_other_formats_are_not_taken() {
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
    fn the_number_of_gauges_is_bounded() {
        let mut gauges = Gauges::default();
        for group in 0..2 * MAX_SETS {
            gauges.take(&line(&format!("{group:05}"), &[("Succeeded", 1)]));
        }
        gauges.take(&line("00000", &[("Succeeded", 0)]));
        assert_eq!(
            (shown(&gauges).len(), &*shown(&gauges)[0]),
            (MAX_SETS, "Succeeded 00000 0")
        );
    }
}
