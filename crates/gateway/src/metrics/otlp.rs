//! The metrics under the names of OpenTelemetry.
//!
//! A name begins with `tollgate.` instead of `tollgate_` and has neither `_total` nor the unit,
//! which is a field of its own. Where the semantic conventions have a name, it is that one.

use std::borrow::Cow;

use ::otlp::{Instrument, Otlp, Snapshot};
use telemetry::{Attribute, AttributeValue, Histogram};

use super::definition::{
    Definition, HTTP_REQUEST_DURATION, Kind, OTLP_DROPPED, PROCESS_OPEN_FDS,
    PROCESS_RESIDENT_MEMORY, PROCESS_THREADS, PROCESS_VIRTUAL_MEMORY, REQUESTS_IN_FLIGHT,
};
use super::labels::NO_STATUS;
use super::series::LabelValues;
use super::snapshot::{FamilySnapshot, Value};
use crate::server::CLIENT_DISCONNECTED;

/// The families that have names of the semantic conventions, with their units.
static CONVENTIONAL: [(&Definition, &str, &str); 6] = [
    (&HTTP_REQUEST_DURATION, "http.server.request.duration", "s"),
    (
        &REQUESTS_IN_FLIGHT,
        "http.server.active_requests",
        "{request}",
    ),
    (&PROCESS_RESIDENT_MEMORY, "process.memory.usage", "By"),
    (&PROCESS_VIRTUAL_MEMORY, "process.memory.virtual", "By"),
    (
        &PROCESS_OPEN_FDS,
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
    ),
    (&PROCESS_THREADS, "process.thread.count", "{thread}"),
];

/// Adds the families to an export. Left out are the version, which is in the resource, and figures
/// of the process that have no name.
pub(super) fn add_to(snapshot: &mut Snapshot, families: Vec<FamilySnapshot>) {
    for family in families {
        if let Some(instrument) = instrument(family.definition) {
            add_family(snapshot, instrument, family);
        }
    }
}

/// Returns what an export has dropped.
pub(super) fn dropped(otlp: &Otlp) -> FamilySnapshot {
    let series = otlp.dropped().into_iter().map(|dropped| {
        let labels = [dropped.signal.as_str(), &dropped.reason];
        (labels.into(), Value::Count(dropped.count))
    });

    FamilySnapshot {
        definition: &OTLP_DROPPED,
        series: series.collect(),
    }
}

/// Returns the instrument of a family. `None` if it is not exported.
fn instrument(definition: &'static Definition) -> Option<Instrument> {
    let mut conventional = CONVENTIONAL.iter();
    if let Some((_, name, unit)) = conventional.find(|(known, ..)| *known == definition) {
        return Some(Instrument::new(name, unit, definition.help));
    }
    if definition.kind == Kind::Info {
        return None;
    }

    let unit = definition.unit();
    let base = definition.family_name().strip_prefix("tollgate_")?;
    let base = unit.map_or(base, |unit| {
        base.trim_end_matches(unit).trim_end_matches('_')
    });
    Some(Instrument {
        name: Cow::Owned(format!("tollgate.{base}")),
        unit: match unit {
            Some("seconds") => "s",
            Some("bytes") => "By",
            // The unit 1 would become a suffix `_ratio` in Prometheus.
            _ => "",
        },
        description: Cow::Borrowed(definition.help),
    })
}

/// Returns the attributes of a series. Labels without a conventional name become attributes of
/// Tollgate.
fn attributes(definition: &Definition, labels: &LabelValues) -> Vec<Attribute> {
    let mut attributes = Vec::with_capacity(labels.iter().len() + 1);
    for (name, value) in definition.labels.iter().zip(labels.iter()) {
        match *name {
            "method" => attributes.push(attribute("http.request.method", value)),
            "status" if definition.labels.contains(&"method") => {
                attributes.push(status(value));
            }
            "error_type" => attributes.push(attribute("error.type", value)),
            "route" => {
                attributes.push(attribute("tollgate.route", value));
                let path = value.split_once(' ').map(|(_, path)| path);
                attributes.extend(path.map(|path| attribute("http.route", path)));
            }
            other => attributes.push((
                Cow::Owned(format!("tollgate.{other}")),
                AttributeValue::from(value.to_owned()),
            )),
        }
    }
    attributes
}

fn attribute(name: &'static str, value: &str) -> Attribute {
    (name.into(), value.to_owned().into())
}

/// Returns the status of a response. Without one, the client has left.
fn status(value: &str) -> Attribute {
    match value.parse::<u16>() {
        Ok(status) => ("http.response.status_code".into(), status.into()),
        Err(_) if value == NO_STATUS => attribute("error.type", CLIENT_DISCONNECTED),
        Err(_) => attribute("tollgate.status", value),
    }
}

fn add_family(snapshot: &mut Snapshot, instrument: Instrument, family: FamilySnapshot) {
    let FamilySnapshot { definition, series } = family;
    let is_up_down = CONVENTIONAL.iter().any(|(known, ..)| *known == definition);
    let points = series
        .into_iter()
        .map(|(labels, value)| (attributes(definition, &labels), value));

    match definition.kind {
        Kind::Histogram => snapshot.histogram(instrument, with(points, durations)),
        Kind::Counter => snapshot.counter(instrument, with(points, count)),
        Kind::Gauge if is_up_down => snapshot.up_down_counter(instrument, with(points, whole)),
        Kind::Gauge | Kind::Info => snapshot.gauge(instrument, with(points, number)),
    }
}

/// Returns the points whose value has the form of the instrument.
fn with<V>(
    points: impl Iterator<Item = (Vec<Attribute>, Value)>,
    form: impl Fn(Value) -> Option<V>,
) -> impl Iterator<Item = (Vec<Attribute>, V)> {
    points.filter_map(move |(attributes, value)| Some((attributes, form(value)?)))
}

fn durations(value: Value) -> Option<Histogram> {
    match value {
        Value::Durations(histogram) => Some(*histogram),
        Value::Count(_) | Value::Number(_) => None,
    }
}

fn count(value: Value) -> Option<u64> {
    match value {
        Value::Count(count) => Some(count),
        Value::Number(_) | Value::Durations(_) => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is a whole number of bytes or items"
)]
fn whole(value: Value) -> Option<i64> {
    match value {
        Value::Count(count) => i64::try_from(count).ok(),
        Value::Number(number) => Some(number as i64),
        Value::Durations(_) => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge needs no more than 52 bits"
)]
fn number(value: Value) -> Option<f64> {
    match value {
        Value::Count(count) => Some(count as f64),
        Value::Number(number) => Some(number),
        Value::Durations(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::{
        API_CALLS, API_ERRORS, BUILD_INFO, DECISIONS, PROCESS_CPU, UPSTREAM_DURATION,
    };
    use super::*;

    #[test]
    fn names_have_neither_unit_nor_total() {
        for (definition, name, unit) in [
            (&HTTP_REQUEST_DURATION, "http.server.request.duration", "s"),
            (&UPSTREAM_DURATION, "tollgate.upstream_duration", "s"),
            (&DECISIONS, "tollgate.decisions", ""),
            (&API_CALLS, "tollgate.api_calls", ""),
            (&PROCESS_RESIDENT_MEMORY, "process.memory.usage", "By"),
        ] {
            let instrument = instrument(definition).unwrap();
            assert_eq!((&*instrument.name, instrument.unit), (name, unit));
        }
        for definition in [&BUILD_INFO, &PROCESS_CPU] {
            assert!(instrument(definition).is_none(), "{}", definition.name);
        }
    }

    #[test]
    fn labels_become_attributes_of_the_conventions() {
        let text =
            |name: &'static str, value: &'static str| -> Attribute { (name.into(), value.into()) };
        let of = |definition, labels: LabelValues| attributes(definition, &labels);

        assert_eq!(
            of(&HTTP_REQUEST_DURATION, ["ANY /a/{id}", "GET", "200"].into()),
            [
                text("tollgate.route", "ANY /a/{id}"),
                text("http.route", "/a/{id}"),
                text("http.request.method", "GET"),
                ("http.response.status_code".into(), 200_u16.into()),
            ]
        );
        assert_eq!(
            of(
                &HTTP_REQUEST_DURATION,
                ["unmatched", "_OTHER", "none"].into()
            ),
            [
                text("tollgate.route", "unmatched"),
                text("http.request.method", "_OTHER"),
                text("error.type", CLIENT_DISCONNECTED),
            ]
        );
        assert_eq!(
            of(&API_ERRORS, ["dynamodb", "timeout"].into()),
            [
                text("tollgate.service", "dynamodb"),
                text("error.type", "timeout")
            ]
        );
    }
}
