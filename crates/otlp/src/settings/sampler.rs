//! The sampler of traces.

use environment::{SettingError, Variables};
use opentelemetry_sdk::trace::Sampler;

const NAME: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Returns the sampler. By default, a trace is recorded if its caller records it, or if it begins
/// here.
///
/// # Errors
/// [`SettingError`] for an unknown sampler, or a ratio that is not between 0 and 1.
pub(super) fn sampler<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
) -> Result<Sampler, SettingError> {
    let name = variables.optional(NAME);
    let parent_based = |root| Ok(Sampler::ParentBased(Box::new(root)));

    match name.as_deref() {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => {
            parent_based(Sampler::TraceIdRatioBased(ratio(variables)?))
        }
        Some("always_on") => Ok(Sampler::AlwaysOn),
        Some("always_off") => Ok(Sampler::AlwaysOff),
        Some("traceidratio") => Ok(Sampler::TraceIdRatioBased(ratio(variables)?)),
        Some(other) => Err(SettingError::invalid(
            NAME,
            other,
            "one of always_on, always_off, traceidratio, parentbased_always_on, \
             parentbased_always_off, parentbased_traceidratio",
        )),
    }
}

fn ratio<L: Fn(&str) -> Option<String>>(variables: &Variables<L>) -> Result<f64, SettingError> {
    let Some(value) = variables.optional(ARGUMENT) else {
        return Ok(1.0);
    };

    let ratio = value.trim().parse().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| SettingError::invalid(ARGUMENT, &value, "a number from 0 to 1"))
}
