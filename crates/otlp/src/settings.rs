//! The settings, which are OpenTelemetry's own environment variables.

mod certificates;
mod endpoint;
mod key_values;
mod resource;
mod sampler;
#[cfg(test)]
mod tests;
mod variables;

use std::time::Duration;

use environment::{SettingError, Variables};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::Sampler;

use aws::ExtraAuthorities;
pub(crate) use endpoint::Target;
use endpoint::target;

/// The signals that are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Histograms, counters and gauges.
    Metrics,
}

impl Signal {
    /// Returns the name of the signal in the labels of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// The program that exports. Its name is the default of `service.name`.
#[derive(Debug, Clone, Copy)]
pub struct Service<'s> {
    /// The name, such as `tollgate`.
    pub name: &'s str,
    /// The version.
    pub version: &'s str,
}

/// How values of counters and histograms relate to earlier exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temporality {
    /// Since the start of the process.
    Cumulative,
    /// Since the last export.
    Delta,
}

/// The limits of the queue of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    /// The number of spans that may wait.
    pub(crate) spans: usize,
    /// The number of spans in one request.
    pub(crate) batch: usize,
    /// The longest time for which a span waits.
    pub(crate) delay: Duration,
}

/// Valid settings of an export that is on.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) resource: Resource,
    pub(crate) traces: Option<Target>,
    pub(crate) metrics: Option<Target>,
    pub(crate) sampler: Sampler,
    pub(crate) propagates: bool,
    pub(crate) queue: QueueLimits,
    pub(crate) metric_interval: Duration,
    pub(crate) temporality: Temporality,
    /// Authorities that the collector's certificate may be signed by, in addition to the system's.
    pub(crate) authorities: ExtraAuthorities,
}

impl Settings {
    /// Reads the variables through `lookup`. Returns `None` if no endpoint is set, if
    /// `OTEL_SDK_DISABLED` is true, or if both exporters are `none`.
    ///
    /// # Errors
    /// [`SettingError`] for the first invalid variable. The message contains neither an endpoint
    /// nor a header, because both may contain secrets.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
        service: Service<'_>,
    ) -> Result<Option<Self>, SettingError> {
        let variables = Variables::new(lookup);
        if is_disabled(&variables)? {
            return Ok(None);
        }

        let (traces, metrics) = (
            target(&variables, Signal::Traces)?,
            target(&variables, Signal::Metrics)?,
        );
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        check_unsupported(&variables)?;

        Ok(Some(Self {
            resource: resource::resource(&variables, service)?,
            traces,
            metrics,
            sampler: sampler::sampler(&variables)?,
            propagates: propagates(&variables)?,
            queue: queue_limits(&variables)?,
            metric_interval: variables.milliseconds(
                "OTEL_METRIC_EXPORT_INTERVAL",
                60_000,
                1..=86_400_000,
            )?,
            temporality: temporality(&variables)?,
            authorities: certificates::authorities(&variables)?,
        }))
    }

    /// Returns the names of all variables that are read.
    #[must_use]
    pub const fn variables() -> &'static [&'static str] {
        &variables::READ
    }

    /// Returns the signals that are exported, each with the URL of its collector.
    #[must_use]
    pub fn collectors(&self) -> Vec<(Signal, String)> {
        let targets = [
            (Signal::Traces, &self.traces),
            (Signal::Metrics, &self.metrics),
        ];
        let exported = targets.into_iter().filter_map(|(signal, target)| {
            let url = target.as_ref()?.url.to_string();
            Some((signal, url))
        });
        exported.collect()
    }
}

type Lookup<'v, L> = &'v Variables<L>;

fn is_disabled<L: Fn(&str) -> Option<String>>(
    variables: Lookup<'_, L>,
) -> Result<bool, SettingError> {
    const NAME: &str = "OTEL_SDK_DISABLED";
    let Some(value) = variables.optional(NAME) else {
        return Ok(false);
    };

    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingError::invalid(NAME, &value, "true or false")),
    }
}

/// Refuses certificates that are not supported, so that an export does not fail later for an
/// unknown reason. A compression is ignored, because every collector accepts requests without one.
fn check_unsupported<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
) -> Result<(), SettingError> {
    let is_set = |name: &str| {
        variables
            .optional(name)
            .is_some_and(|value| value != "none")
    };
    for variable in variables::IGNORED.into_iter().filter(|name| is_set(name)) {
        tracing::warn!(variable, "requests to the collector are not compressed");
    }

    let mut refused = variables::UNSUPPORTED.into_iter();
    match refused.find(|(name, _)| is_set(name)) {
        Some((name, expected)) => Err(SettingError::invalid_secret(name, expected)),
        None => Ok(()),
    }
}

fn queue_limits<L: Fn(&str) -> Option<String>>(
    variables: Lookup<'_, L>,
) -> Result<QueueLimits, SettingError> {
    let spans = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048, 1..=65_536)?;
    let batch = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512.min(spans), 1..=spans)?;
    let delay = variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000, 1..=600_000)?;

    Ok(QueueLimits {
        spans,
        batch,
        delay,
    })
}

fn temporality<L: Fn(&str) -> Option<String>>(
    variables: Lookup<'_, L>,
) -> Result<Temporality, SettingError> {
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let value = variables.optional(NAME).unwrap_or_default();

    match value.to_ascii_lowercase().as_str() {
        "" | "cumulative" => Ok(Temporality::Cumulative),
        "delta" | "lowmemory" => Ok(Temporality::Delta),
        _ => Err(SettingError::invalid(
            NAME,
            &value,
            "one of cumulative, delta, lowmemory",
        )),
    }
}

/// True if trace contexts are read and sent. `baggage` is accepted, because it is a default of the
/// specification; the header is neither read nor changed.
fn propagates<L: Fn(&str) -> Option<String>>(
    variables: Lookup<'_, L>,
) -> Result<bool, SettingError> {
    const NAME: &str = "OTEL_PROPAGATORS";
    let Some(value) = variables.optional(NAME) else {
        return Ok(true);
    };

    let names: Vec<_> = value.split(',').map(str::trim).collect();
    if names
        .iter()
        .all(|name| ["tracecontext", "baggage", "none"].contains(name))
    {
        return Ok(names.contains(&"tracecontext"));
    }
    let expected = "tracecontext, baggage or none, separated by commas";
    Err(SettingError::invalid(NAME, &value, expected))
}
