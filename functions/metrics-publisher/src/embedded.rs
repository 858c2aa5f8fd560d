//! Metrics in the embedded metric format (EMF), as Powertools for AWS Lambda writes it.
//!
//! Records of this form are published in the publisher's namespace, by names that begin with their
//! own namespace: `Shop/OrderValue`. In a CloudWatch Logs subscription they are skipped, because
//! CloudWatch has extracted the metrics itself. The specification is "Specification: Embedded
//! metric format" in the CloudWatch user guide.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_cloudwatch::types::StandardUnit;
use serde::Deserialize;
use serde_json::value::RawValue;
use telemetry::Excerpt;

use crate::aggregate::Aggregator;
use crate::elements::for_each;
use crate::own_dimensions::{MAX_BYTES, OwnDimensions, is_name};
use crate::record::parse_time;
use crate::rejection::Reason;
use crate::scalar::Scalar;
use crate::series::{Metric, Series};
use crate::time::Window;

/// The maximum number of series that one object adds to. Powertools writes at most 100.
const MAX_SERIES: usize = 500;
/// The maximum number of values of a metric in one object, as in the specification.
const MAX_VALUES: usize = 100;
/// CloudWatch accepts values from -2^360 to 2^360.
const MAX_VALUE: f64 = 2.348_542_582_773_833e108;
/// The unit of a metric without one.
const NO_UNIT: &str = "None";
const DIRECTIVES: &str = "CloudWatchMetrics";

#[derive(Default, Deserialize)]
#[serde(expecting = "an object")]
struct Metadata<'a> {
    #[serde(borrow, default, rename = "Timestamp")]
    timestamp: Scalar<'a>,
    #[serde(borrow, rename = "CloudWatchMetrics")]
    directives: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Directive<'a> {
    #[serde(borrow, default, rename = "Namespace")]
    namespace: Scalar<'a>,
    #[serde(borrow, default, rename = "Dimensions")]
    dimension_sets: Vec<Vec<Cow<'a, str>>>,
    #[serde(borrow, default, rename = "Metrics")]
    metrics: Vec<Definition<'a>>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Definition<'a> {
    #[serde(borrow, default, rename = "Name")]
    name: Scalar<'a>,
    #[serde(borrow, default, rename = "Unit")]
    unit: Scalar<'a>,
}

/// A metric with its values in one object.
struct Measurement {
    /// The namespace and the name.
    name: String,
    unit: String,
    values: Vec<f64>,
}

/// An object in the embedded metric format.
pub(crate) struct Embedded<'a> {
    /// The root, which contains the values of metrics and dimensions.
    fields: HashMap<Cow<'a, str>, &'a RawValue>,
    metadata: Metadata<'a>,
}

/// Returns whether `metadata`, the field `_aws` of an object, declares metrics.
pub(crate) fn declares_metrics(metadata: &RawValue) -> bool {
    serde_json::from_str::<Metadata<'_>>(metadata.get())
        .is_ok_and(|metadata| metadata.directives.is_some())
}

impl<'a> Embedded<'a> {
    /// Reads an object. Returns `None` if it is not in the embedded metric format: it has no field
    /// `_aws`, or it is a call record with this field.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        // Nearly no record has this text, and looking for it is cheaper than reading all fields.
        memchr::memmem::find(json.as_bytes(), br#""_aws""#)?;
        let fields: HashMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(json).ok()?;
        let metadata = serde_json::from_str::<Metadata<'a>>(fields.get("_aws")?.get());
        let metadata = metadata.unwrap_or_default();

        let is_record = metadata.directives.is_none() && fields.contains_key("service");
        (!is_record).then_some(Self { fields, metadata })
    }

    /// Counts every metric in every set of dimensions as the record with this number. `arrived_ms`
    /// is the time of an object without one. Returns the first reason if a part was omitted.
    ///
    /// # Errors
    /// [`Reason`] if nothing can be counted.
    pub(crate) fn observe(
        &self,
        window: Window,
        arrived_ms: Option<i64>,
        sums: &mut Aggregator,
        number: u32,
    ) -> Result<Option<Reason>, Reason> {
        let at_ms = parse_time("Timestamp", &self.metadata.timestamp)?;
        let minute = window.minute(at_ms.or(arrived_ms))?;
        let (mut parts, mut omission) = (Vec::new(), None);
        let directives = self.metadata.directives.map_or("[]", RawValue::get);

        let read = for_each(directives, |_, directive: &RawValue| {
            match self.directive(directive.get(), &mut omission) {
                Ok(part) => parts.push(part),
                Err(reason) => omission = omission.take().or(Some(reason)),
            }
        });
        read.map_err(|error| Reason::shape(&error))?;

        let sizes = parts
            .iter()
            .map(|(sets, metrics)| sets.len() * metrics.len());
        let series: usize = sizes.sum();
        if series > MAX_SERIES {
            return Err(problem(format!(
                "more than {MAX_SERIES} metrics and sets of dimensions"
            )));
        }
        if series == 0 {
            return Err(omission.unwrap_or(Reason::Missing(DIRECTIVES)));
        }

        sums.check_room(series)?;
        for (sets, metrics) in &parts {
            for own in sets {
                let own = own.as_ref().map_or("", OwnDimensions::as_str);
                for metric in metrics {
                    metric.observe(own, minute, sums, number);
                }
            }
        }
        Ok(omission)
    }

    /// Reads the sets of dimensions and the metrics of a directive, without the invalid ones.
    ///
    /// # Errors
    /// [`Reason`] if all of them are invalid.
    fn directive(
        &self,
        json: &str,
        omission: &mut Option<Reason>,
    ) -> Result<(Vec<Option<OwnDimensions>>, Vec<Measurement>), Reason> {
        let directive: Directive<'_> =
            serde_json::from_str(json).map_err(|error| Reason::shape(&error))?;
        let namespace = directive
            .namespace
            .get()
            .ok_or(Reason::Missing("Namespace"))?;
        let mut valid = |reason| *omission = omission.take().or(Some(reason));

        let sets = match directive.dimension_sets.as_slice() {
            [] => vec![None],
            sets => keep_valid(sets, |set| self.dimensions(set), &mut valid),
        };
        let metrics = keep_valid(
            &directive.metrics,
            |metric| self.measurement(namespace, metric),
            &mut valid,
        );
        Ok((sets, metrics))
    }

    fn dimensions(&self, names: &[Cow<'_, str>]) -> Result<Option<OwnDimensions>, Reason> {
        let pairs = names.iter().map(|name| {
            let value = self.fields.get(name.as_ref());
            let value = value.ok_or_else(|| missing(name))?;
            let value = serde_json::from_str(value.get())
                .map_err(|_| problem(format!("`{}` is not a string", Excerpt(name))))?;
            Ok((Cow::Borrowed(name.as_ref()), value))
        });
        OwnDimensions::encode(pairs.collect::<Result<Vec<_>, Reason>>()?)
    }

    fn measurement(
        &self,
        namespace: &str,
        definition: &Definition<'_>,
    ) -> Result<Measurement, Reason> {
        let name = definition.name.get().ok_or(Reason::Missing("Name"))?;
        let full_name = format!("{namespace}/{name}");
        if !is_name(&full_name) {
            return Err(problem(format!(
                "`{}` is not a name of 1 to {MAX_BYTES} ASCII characters",
                Excerpt(&full_name)
            )));
        }
        let unit = definition.unit.get().unwrap_or(NO_UNIT);
        if !StandardUnit::values().contains(&unit) {
            return Err(problem(format!("unknown unit `{}`", Excerpt(unit))));
        }

        let value = self.fields.get(name).ok_or_else(|| missing(name))?;
        Ok(Measurement {
            name: full_name,
            unit: unit.to_owned(),
            values: values(name, value.get())?,
        })
    }
}

impl Measurement {
    fn observe(&self, own: &str, minute: i64, sums: &mut Aggregator, number: u32) {
        let series = Series::new(Metric::Embedded, [&self.name, &self.unit, own]);
        for value in &self.values {
            sums.add(minute, series, *value, 1, number);
        }
    }
}

/// Returns the results that are valid, and passes the reasons of the others to `omit`.
fn keep_valid<I, T>(
    items: &[I],
    read: impl Fn(&I) -> Result<T, Reason>,
    omit: &mut impl FnMut(Reason),
) -> Vec<T> {
    let read = items.iter().map(read);
    read.filter_map(|item| item.map_err(&mut *omit).ok())
        .collect()
}

/// Reads a number or a list of numbers.
fn values(name: &str, json: &str) -> Result<Vec<f64>, Reason> {
    let invalid = || {
        problem(format!(
            "`{}` is not a number or a list of numbers",
            Excerpt(name)
        ))
    };
    let texts: Vec<&RawValue> = if json.starts_with('[') {
        serde_json::from_str(json).map_err(|_| invalid())?
    } else {
        vec![serde_json::from_str(json).map_err(|_| invalid())?]
    };
    if texts.len() > MAX_VALUES {
        return Err(problem(format!(
            "`{}` has more than {MAX_VALUES} values",
            Excerpt(name)
        )));
    }
    if texts.is_empty() {
        return Err(invalid());
    }

    // A string keeps its quotes here, so it is not a number.
    let numbers = texts.iter().map(|text| text.get().parse::<f64>());
    let is_valid = |number: &f64| number.abs() <= MAX_VALUE;
    numbers
        .map(|number| number.ok().filter(is_valid).ok_or_else(invalid))
        .collect()
}

fn missing(name: &str) -> Reason {
    problem(format!("`{}` is missing", Excerpt(name)))
}

fn problem(text: String) -> Reason {
    Reason::Embedded(text)
}

#[cfg(test)]
mod tests;
