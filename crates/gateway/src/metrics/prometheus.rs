//! Prometheus' text exposition format, version 0.0.4.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{self, Write as _};

use super::Snapshot;
use super::publisher::{Buckets, Metric, Unit};

const QUANTILES: [f64; 4] = [0.5, 0.95, 0.99, 0.999];

impl Snapshot {
    /// Writes counters, summaries and gauges. Quantiles are accurate to 5 %.
    pub(super) fn write_prometheus(&self, text: &mut String) -> fmt::Result {
        let mut exposition = Exposition {
            text,
            family: String::new(),
        };
        self.write_series(&mut exposition)?;
        self.write_gauges(&mut exposition)?;

        exposition.begin(
            "tollgate_rejected_records_total",
            "counter",
            help(Metric::RejectedRecords),
        )?;
        exposition.sample("", &[], self.totals.rejected_records())
    }

    fn write_series(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        for ((name, series), aggregate) in self.totals.series() {
            let (family, help) = (family(name), help(series.metric));
            let labels: Vec<_> = series
                .dimensions()
                .map(|(name, value)| label(name, value))
                .collect();
            match series.metric.unit() {
                Unit::Count => {
                    exposition.begin(&format!("{family}_total"), "counter", help)?;
                    exposition.sample("", &labels, aggregate.values.count())?;
                }
                Unit::Milliseconds => {
                    exposition.begin(&format!("{family}_milliseconds"), "summary", help)?;
                    exposition.summary(&labels, &aggregate.values)?;
                }
            }
        }
        Ok(())
    }

    fn write_gauges(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        for (name, values) in self.gauges.by_name() {
            exposition.begin(&family(name), "gauge", &gauge_help(name))?;
            for (dimensions, value) in values {
                let labels: Vec<_> = dimensions
                    .iter()
                    .map(|(name, value)| label(name, value))
                    .collect();
                exposition.sample("", &labels, value)?;
            }
        }
        Ok(())
    }
}

/// The text so far.
struct Exposition<'t> {
    text: &'t mut String,
    /// The current metric family.
    family: String,
}

impl Exposition<'_> {
    /// Writes the comments of a metric family, unless it is the current one.
    fn begin(&mut self, family: &str, kind: &str, help: &str) -> fmt::Result {
        if self.family == family {
            return Ok(());
        }
        family.clone_into(&mut self.family);

        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        writeln!(self.text, "# HELP {family} {help}")?;
        writeln!(self.text, "# TYPE {family} {kind}")
    }

    fn summary(&mut self, labels: &[String], values: &Buckets) -> fmt::Result {
        for quantile in QUANTILES {
            let labels = [labels, &[label("quantile", &quantile.to_string())]].concat();
            self.sample("", &labels, values.quantile(quantile).unwrap_or_default())?;
        }
        self.sample("_sum", labels, values.sum())?;
        self.sample("_count", labels, values.count())
    }

    fn sample(&mut self, suffix: &str, labels: &[String], value: impl fmt::Display) -> fmt::Result {
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        writeln!(self.text, "{}{suffix}{labels} {value}", self.family)
    }
}

/// Converts `ApiCallCount` to `tollgate_api_call_count`.
fn family(name: &str) -> String {
    format!("tollgate_{}", snake(name))
}

fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', r"\\")
        .replace('"', r#"\""#)
        .replace('\n', r"\n");
    format!(r#"{}="{value}""#, snake(name))
}

/// Converts `StatusClass` to `status_class`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, character) in name.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

const fn help(metric: Metric) -> &'static str {
    match metric {
        Metric::CallDuration
        | Metric::CallDurationByEndpoint
        | Metric::CallDurationByDimensions => {
            "Duration of calls to other services in milliseconds, retries included."
        }
        Metric::CallCount | Metric::CallCountByDimensions => "Calls to other services, by status.",
        Metric::CallErrors | Metric::CallErrorsByDimensions => {
            "Failed calls to other services, by error type."
        }
        Metric::Requests => "Requests to the API, by route and class of the response status.",
        Metric::Latency => "Time from the request to the end of the response in milliseconds.",
        Metric::IntegrationLatency => "Time that the backend took to respond in milliseconds.",
        Metric::AuthorizerLatency => "Time that the authorizer took in milliseconds.",
        Metric::Decisions => "Decisions of the authorizer, by plan.",
        Metric::OverQuota => "Requests beyond a quota that allows overage.",
        Metric::NearLimit => "Requests of callers that were near one of their plan's limits.",
        Metric::ShadowDenied => "Requests that a plan in shadow mode would have refused.",
        Metric::CandidateDecisions => {
            "Requests that a candidate of the policy was evaluated for, by result."
        }
        Metric::BreakerOpen => "Times that a circuit breaker opened.",
        Metric::EndpointReachable => "Probes that could connect to the service's endpoint.",
        Metric::EndpointPrivate => "Probes that found private addresses only.",
        Metric::EndpointConnect => {
            "Time that a TCP connection to the service took in milliseconds."
        }
        Metric::EndpointTls => "Time that the TLS handshake with the service took in milliseconds.",
        Metric::RejectedRecords => "Log lines and call records that could not be counted.",
        Metric::OverflowedSeries => "Series that were counted as `other`.",
    }
}

fn gauge_help(name: &str) -> String {
    let known = match name {
        "ResolvedAddresses" => {
            "Addresses that a target group's names resolved to in alb-sync's last run."
        }
        "RegisteredTargets" => {
            "Targets that were registered in a target group at the end of alb-sync's last run."
        }
        "PendingTargets" => {
            "Targets that alb-sync no longer finds by name and has not deregistered yet."
        }
        "SyncSucceeded" => {
            "1 if alb-sync's last run could reconcile the target group, 0 otherwise."
        }
        other => return format!("{other}, as a function logged it last."),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::LocalMetrics;
    use super::super::tests::line;
    use super::*;

    #[test]
    fn every_metric_family_begins_with_help_and_type() {
        let metrics = LocalMetrics::default();
        for route in ["GET /a", "GET /b"] {
            metrics.count_line(&line(route, 5).replace("allowed", "throttled"));
        }
        let record = r#"{"api_call":{"service":"s","operation":"o","duration_ms":4,"success":false,"endpoint":"vpce"}}"#;
        metrics.count_record(record);
        metrics.count_record(
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":[["TargetGroup"]],"Metrics":[{"Name":"SyncSucceeded"},{"Name":"SomethingNew"}]}]},"TargetGroup":"targetgroup/a/1","SyncSucceeded":1,"SomethingNew":2}"#,
        );

        let text = metrics.prometheus();
        let mut families = Vec::new();
        let mut lines = text.lines().peekable();

        while let Some(help) = lines.next() {
            let name = help
                .strip_prefix("# HELP ")
                .unwrap_or_else(|| panic!("{help}\n{text}"));
            let (name, help) = name.split_once(' ').unwrap();
            assert!(help.len() > 10 && help.ends_with('.'), "{name}");
            let kind = lines
                .next()
                .unwrap()
                .strip_prefix(&format!("# TYPE {name} "))
                .unwrap();
            assert!(
                ["counter", "summary", "gauge"].contains(&kind) && !families.contains(&name),
                "{name}"
            );
            families.push(name);
            let before = families.len();
            while lines.peek().is_some_and(|line| !line.starts_with('#')) {
                let sample = lines.next().unwrap();
                assert!(
                    sample.starts_with(name)
                        && sample.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(),
                    "{sample}"
                );
            }
            assert_eq!(families.len(), before);
        }
        for expected in [
            "tollgate_requests_total",
            "tollgate_latency_milliseconds",
            "tollgate_api_error_count_total",
            "tollgate_sync_succeeded",
            "tollgate_something_new",
            "tollgate_rejected_records_total",
        ] {
            assert!(families.contains(&expected), "{expected}: {families:?}");
        }
    }

    #[test]
    fn sum_of_a_summary_never_decreases() {
        let metrics = LocalMetrics::default();
        let sum = || -> f64 {
            let text = metrics.prometheus();
            let (_, rest) = text
                .split_once("tollgate_latency_milliseconds_sum{route=\"GET /orders\"} ")
                .unwrap();
            rest.lines().next().unwrap().parse().unwrap()
        };
        (0..200).for_each(|_| metrics.count_line(&line("GET /orders", 1_030)));
        assert_eq!(sum(), 206_000.0);

        metrics.count_line(&line("GET /orders", 958));
        assert_eq!(sum(), 206_958.0);
    }

    #[test]
    fn label_values_are_escaped() {
        let metrics = LocalMetrics::default();
        metrics.count_line(&line("GET /b\\\\\\\"x", 5));
        assert!(metrics.prometheus().contains(r#"route="GET /b\\\"x""#));
        assert_eq!(label("Route", "a\nb\\\""), r#"route="a\nb\\\"""#);
    }
}
